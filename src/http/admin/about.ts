// The API's part about the deployment itself.

import { z } from "@hono/zod-openapi";
import type { AccessServices } from "../../access/services.ts";
import type { Config } from "../../config/read.ts";
import { VERSION } from "../../config/version.ts";
import type { Admin } from "./admin.ts";
import { type Api, add, time } from "./schemas.ts";

const about = z
  .object({
    now: time,
    version: z.string(),
    you: z.object({ who: z.string(), role: z.enum(["admin", "viewer"]) }),
    bindings: z
      .array(z.object({ name: z.string(), good: z.boolean(), problem: z.string().optional() }))
      .openapi({ description: "storage and objects, each of which was asked something" }),
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
export type AboutAnswer = z.infer<typeof about>;

/** What shows whether a binding answers: its name → something that is asked of it. */
export type Probes = Record<string, () => Promise<unknown>>;

export function addAbout(
  api: Api,
  accessServices: AccessServices,
  config: () => Config,
  admin: Admin,
  probes: Probes,
): void {
  add(
    api,
    {
      method: "get",
      path: "/about",
      summary: "How this deployment is configured",
      answer: about,
    },
    async (_, { req }) => {
      const { auth, rules, offline } = config();
      const { who, role } = admin.person(req.raw);
      return {
        now: new Date().toISOString(),
        version: VERSION,
        you: { who, role },
        bindings: await Promise.all(Object.entries(probes).map(bindingTold)),
        auth: {
          mode: auth.mode,
          issuers: [...new Set(auth.issuers.map(({ issuer }) => issuer))],
          access: auth.access !== undefined,
        },
        limits: accessServices.limits.bound,
        offline,
        rules: rules.length,
        problems: rules.flatMap(({ rule, problem }) =>
          problem === undefined ? [] : [{ rule: rule.name, problem }],
        ),
      };
    },
  );
}

async function bindingTold([name, ask]: [string, Probes[string]]) {
  try {
    await ask();
    return { name, good: true };
  } catch (error) {
    return { name, good: false, problem: (error as Error).message };
  }
}
