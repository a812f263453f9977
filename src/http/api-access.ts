// The API's part about access: pull tokens, the keys that our own are signed with, and what was done by those who administer.

import type { Hono } from "hono";
import { z } from "zod";
import type { Access } from "../access/open.ts";
import { hashOf, newPullToken } from "../access/pull-token.ts";
import { isPast, type NewToken, type PullToken } from "../access/records.ts";
import { repositories } from "../config/auth.ts";
import { duration } from "../config/duration.ts";
import { describe } from "../config/issues.ts";
import { network } from "../config/network.ts";
import { RegistryError } from "../oci/error.ts";
import type { Admin } from "./admin.ts";
import { answerJson, errorsResponse, timeOf } from "./answers.ts";
import { textOf } from "./body.ts";
import { nextOf, only, pageIn } from "./query.ts";

/** In bytes. */
const LONGEST = 64 * 1024;
const MOST_GLOBS = 200;

const time = z.union([
  z.iso.datetime({ offset: true }).transform((text) => ({ at: Date.parse(text) })),
  duration("").transform((time) => ({ in: time })),
]);

const asked = z.strictObject({
  name: z
    .string({ error: "must be a name, for people" })
    .regex(/^\P{Cc}{1,100}$/u, "must be a line of text, of 100 characters at most"),
  repositories: repositories.max(MOST_GLOBS, `must hold ${MOST_GLOBS} globs at most`),
  expiry: z.string({ error: "must be a time, or a duration" }).optional(),
  networks: z
    .array(network, { error: "must be a list of networks" })
    .max(MOST_GLOBS, `must hold ${MOST_GLOBS} networks at most`)
    .default([]),
});

export function addAccess(api: Hono, access: Access, admin: Admin): void {
  api.get("/tokens", async ({ req }) => {
    only(req.raw, []);
    const now = Date.now();
    const tokens = await access.tokens(now);
    return answerJson({ tokens: tokens.map((token) => tokenTold(token, now)) });
  });

  api.post("/tokens", async ({ req }) => {
    only(req.raw, []);
    const now = Date.now();
    const read = newTokenIn(await textOf(req.raw, LONGEST, "a token's description"), now);
    if ("problems" in read) return errorsResponse(read.problems, 400);
    const secret = newPullToken();
    const id = crypto.randomUUID();
    const made = await access.create(id, hashOf(secret), read, admin.who(req.raw), now);
    // The only time that anybody sees it.
    return answerJson({ ...tokenTold(made, now), token: secret }, {}, 201);
  });

  api.delete("/tokens/:id", async ({ req }) => {
    only(req.raw, []);
    const now = Date.now();
    const token = await access.revoke(req.param("id"), admin.who(req.raw), now);
    if (!token) {
      const message = "there is no pull token of this id";
      throw new RegistryError("UNSUPPORTED", message, { status: 404 });
    }
    return answerJson(tokenTold(token, now));
  });

  api.get("/audit", async ({ req }) => {
    const { limit, before } = pageIn(req.raw);
    const actions = await access.actions(before, limit);
    const { next, headers } = nextOf("/api/audit", actions, limit);
    const told = actions.map(({ at, ...action }) => ({ ...action, at: timeOf(at) }));
    return answerJson({ actions: told, ...next }, headers);
  });

  api.post("/keys/rotate", async ({ req }) => {
    only(req.raw, []);
    const kid = await access.rotate(admin.who(req.raw), Date.now());
    return answerJson({ kid });
  });
}

function newTokenIn(text: string, now: number): NewToken | { problems: string[] } {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return { problems: ["the body must be JSON, with name and repositories"] };
  }
  const parsed = asked.safeParse(given);
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap((issue) => describe("", issue, "a pull token"));
    return { problems: issues.map((problem) => problem.replace(/^[.:]\s*/, "")) };
  }
  const { expiry, ...token } = parsed.data;
  if (expiry === undefined) return token;
  const read = time.safeParse(expiry);
  const expiresAt = !read.success ? 0 : "at" in read.data ? read.data.at : now + read.data.in;
  if (expiresAt > now) return { ...token, expiresAt };
  return {
    problems: ['expiry: must be a time to come, such as "90d" or "2030-01-01T00:00:00Z"'],
  };
}

function tokenTold(token: PullToken, now: number): object {
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
