// The deployment itself: version, bindings, authentication, and rules that cannot be used.

import { z } from "@hono/zod-openapi";
import { time } from "./fields.ts";

export const about = z
  .object({
    now: time,
    version: z.string(),
    you: z.object({ who: z.string(), role: z.enum(["admin", "viewer"]) }),
    bindings: z
      .array(z.object({ name: z.string(), good: z.boolean(), problem: z.string().optional() }))
      .openapi({ description: "storage and Durable Objects, each probed for this answer" }),
    auth: z.object({
      mode: z.enum(["open", "token"]),
      issuers: z.array(z.string()),
      access: z.boolean().openapi({ description: "Cloudflare Access may administer" }),
    }),
    limits: z.object({ logins: z.boolean(), requests: z.boolean() }).openapi({
      description: "which rate limiting bindings exist",
    }),
    offline: z.boolean(),
    trustedRoot: z.object({ ends: time, endsSoon: z.boolean() }).optional().openapi({
      description: "end of the trusted root of keyless signatures, if a rule needs one that ends",
    }),
    rules: z.int(),
    problems: z.array(z.object({ rule: z.string(), problem: z.string() })),
  })
  .openapi("About");
export type AboutAnswer = z.infer<typeof about>;
