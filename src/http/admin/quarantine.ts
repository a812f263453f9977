// The API's part about the quarantine: digests that nobody gets, by whatever name, until they are taken out of it.

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

/** In bytes. */
const MAX_BODY = 4 * 1024;

export function addQuarantine(api: Api, access: Access, admin: Admin): void {
  add(
    api,
    {
      method: "get",
      path: "/quarantine",
      summary: "The digests that nobody gets",
      answer: quarantine,
    },
    async () => ({ quarantine: (await access.page()).quarantine.map(entryTold) }),
  );

  add(
    api,
    {
      method: "post",
      path: "/quarantine",
      summary: "Nobody gets this manifest or blob any more, anywhere within a minute",
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
        return entryTold({ digest, reason, who, at });
      throw new ApiProblem("conflict", "the quarantine is full");
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/quarantine/{digest}",
      summary: "Takes it out of quarantine",
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

function entryTold({ at, ...rest }: Quarantined): QuarantinedAnswer {
  return { ...rest, at: timeOf(at) };
}
