// The API's part about the deployment itself.

import { z } from "@hono/zod-openapi";
import type { Desk } from "../access/desk.ts";
import type { Config } from "../config/read.ts";
import { type Api, add, time } from "./api-schemas.ts";

const about = z
  .object({
    now: time,
    auth: z.object({
      mode: z.enum(["open", "token"]),
      issuers: z.array(z.string()),
      access: z.boolean().openapi({ description: "Cloudflare Access administers" }),
    }),
    limits: z.object({ logins: z.boolean(), requests: z.boolean() }).openapi({
      description: "which rate limiting bindings are there",
    }),
    offline: z.boolean(),
    rules: z.int(),
    problems: z.array(z.object({ rule: z.string(), problem: z.string() })),
  })
  .openapi("About");

export function addAbout(api: Api, desk: Desk, config: () => Config): void {
  add(
    api,
    {
      method: "get",
      path: "/about",
      summary: "How this deployment is configured",
      answer: about,
    },
    async () => {
      const { auth, rules, offline } = config();
      return {
        now: new Date().toISOString(),
        auth: {
          mode: auth.mode,
          issuers: [...new Set(auth.issuers.map(({ issuer }) => issuer))],
          access: auth.access !== undefined,
        },
        limits: desk.limits.bound,
        offline,
        rules: rules.length,
        problems: rules.flatMap(({ rule, problem }) =>
          problem === undefined ? [] : [{ rule: rule.name, problem }],
        ),
      };
    },
  );
}
