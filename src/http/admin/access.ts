// API routes for access: pull tokens, rotation of the signing key, and the audit log.

import { z } from "@hono/zod-openapi";
import { type Access, isPast, type NewToken, type PullToken } from "../../access/contract.ts";
import { hashOf, newPullToken } from "../../access/tokens/pull-token.ts";
import { page } from "../../api/fields.ts";
import {
  actions,
  createdToken,
  expiry as expiryField,
  newToken,
  rotatedKey,
  type TokenAnswer,
  token,
  tokens,
} from "../../api/tokens.ts";
import { answerJson, timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import type { Admin } from "./admin.ts";
import { ApiProblem, invalid } from "./problem.ts";
import { type Api, add, bodyIn, nextOf } from "./routes.ts";

/** Maximum size of a request body, in bytes. */
const MAX_BODY = 64 * 1024;

export function addAccess(api: Api, access: Access, admin: Admin): void {
  add(
    api,
    {
      method: "get",
      path: "/tokens",
      summary: "Lists pull tokens without their secrets; expired and revoked ones for 90 days",
      answer: tokens,
    },
    async () => {
      const now = Date.now();
      return { tokens: (await access.tokens(now)).map((one) => tokenAnswer(one, now)) };
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/tokens",
      summary: "Creates a pull token; the secret is returned only here",
      body: newToken,
      answer: createdToken,
      status: 201,
      problems: [413],
    },
    async (_, { req }) => {
      const now = Date.now();
      const read = newTokenIn(await textOf(req.raw, MAX_BODY, "a token's description"), now);
      const secret = newPullToken();
      const id = crypto.randomUUID();
      const made = await access.create(id, hashOf(secret), read, admin.who(req.raw), now);
      return { ...tokenAnswer(made, now), token: secret };
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/tokens/{id}",
      summary: "Revokes a pull token; takes effect everywhere within a minute",
      params: { id: z.string() },
      answer: token,
      problems: [404],
    },
    async (_, { req }) => {
      const now = Date.now();
      const id = req.param("id") as string;
      const revoked = await access.revoke(id, admin.who(req.raw), now);
      if (revoked) return tokenAnswer(revoked, now);
      throw new ApiProblem("not-found", "there is no pull token with this id");
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/audit",
      summary: "Lists what administrators did, latest first",
      query: page,
      answer: actions,
    },
    async ({ n, before }) => {
      const done = await access.actions(before, n);
      const { next, headers } = nextOf("/api/audit", done, n);
      const listed = done.map(({ at, ...rest }) => ({ ...rest, at: timeOf(at) }));
      return answerJson({ actions: listed, ...next }, headers);
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/keys/rotate",
      summary:
        "Starts signing with a new key once it is known everywhere; sessions and tokens stay valid",
      answer: rotatedKey,
    },
    async (_, { req }) => ({ kid: await access.rotate(admin.who(req.raw), Date.now()) }),
  );
}

function newTokenIn(text: string, now: number): NewToken {
  const given = bodyIn(text, newToken, "a pull token", "name and repositories");
  const { expiry, touches, ...rest } = given;
  const token: NewToken = { ...rest, ...(!touches && { touches }) };
  if (expiry === undefined) return token;
  const read = expiryField.safeParse(expiry);
  const expiresAt = !read.success ? 0 : "at" in read.data ? read.data.at : now + read.data.in;
  if (expiresAt > now) return { ...token, expiresAt };
  throw invalid('expiry: must be a time to come, such as "90d" or "2030-01-01T00:00:00Z"');
}

function tokenAnswer(token: PullToken, now: number): TokenAnswer {
  const { createdAt, expiresAt, usedAt, revokedAt, ...rest } = token;
  const isRevoked = revokedAt !== undefined;
  return {
    ...rest,
    state: isRevoked ? "revoked" : isPast(token, now) ? "expired" : "valid",
    createdAt: timeOf(createdAt),
    ...(expiresAt !== undefined && { expiresAt: timeOf(expiresAt) }),
    ...(usedAt !== undefined && { usedAt: timeOf(usedAt) }),
    ...(isRevoked && { revokedAt: timeOf(revokedAt) }),
  };
}
