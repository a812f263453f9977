// API routes for the quarantine: digests that are served to no client under any name.

import { z } from "@hono/zod-openapi";
import type { Access, Quarantined } from "../../access/contract.ts";
import {
  newQuarantined,
  type QuarantinedAnswer,
  quarantine,
  quarantined,
  released,
} from "../../api/quarantine.ts";
import { timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import type { Admin } from "./admin.ts";
import { ApiProblem } from "./problem.ts";
import { type Api, add, bodyIn } from "./routes.ts";

/** Maximum size of a request body, in bytes. */
const MAX_BODY = 4 * 1024;

export function addQuarantine(api: Api, access: Access, admin: Admin): void {
  add(
    api,
    {
      method: "get",
      path: "/quarantine",
      summary: "Lists quarantined digests",
      answer: quarantine,
    },
    async () => ({ quarantine: (await access.page()).quarantine.map(entryAnswer) }),
  );

  add(
    api,
    {
      method: "post",
      path: "/quarantine",
      summary: "Quarantines a manifest or blob; takes effect everywhere within a minute",
      body: newQuarantined,
      answer: quarantined,
      status: 201,
      problems: [409, 413],
    },
    async (_, { req }) => {
      const text = await textOf(req.raw, MAX_BODY, "an entry");
      const read = bodyIn(text, newQuarantined, "an entry", "digest and reason");
      const { digest, reason } = read;
      const [who, at] = [admin.who(req.raw), Date.now()];
      if (await access.quarantine(digest, reason, who, at))
        return entryAnswer({ digest, reason, who, at });
      throw new ApiProblem("conflict", "the quarantine is full");
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/quarantine/{digest}",
      summary: "Removes a digest from quarantine",
      params: { digest: z.string() },
      answer: released,
      problems: [404],
    },
    async (_, { req }) => {
      const digest = req.param("digest") as string;
      if (await access.release(digest, admin.who(req.raw), Date.now())) return { digest };
      throw new ApiProblem("not-found", "this digest is not in quarantine");
    },
  );
}

function entryAnswer({ at, ...rest }: Quarantined): QuarantinedAnswer {
  return { ...rest, at: timeOf(at) };
}
