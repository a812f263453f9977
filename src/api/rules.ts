// Rules: those configured, those added through the API, and validating them against their upstreams.

import { z } from "@hono/zod-openapi";
import { time } from "./fields.ts";

export const ruleFields = z
  .record(z.string(), z.unknown())
  .openapi({ description: "the fields of a rule, as they would stand in wrangler.toml" });

export const rule = z
  .object({
    name: z.string(),
    source: z.enum(["configuration", "api"]),
    readOnly: z
      .boolean()
      .openapi({ description: "it is configured, and can only be changed there" }),
    prefixes: z.array(z.string()),
    hosts: z.array(z.string()),
    ns: z.array(z.string()),
    default: z.boolean(),
    upstream: z.string(),
    upstreamPrefix: z.string().optional(),
    dockerHub: z.boolean().optional().openapi({
      description: "its upstream is a proxy of Docker Hub; absent otherwise",
    }),
    credentials: z.array(z.string()).openapi({ description: "names of secrets" }),
    anonymous: z.boolean(),
    networks: z.array(z.string()),
    quietNetworks: z.array(z.string()).optional().openapi({
      description: "networks whose requests do not keep an image from expiring (touches = false)",
    }),
    offline: z.boolean(),
    problem: z
      .string()
      .optional()
      .openapi({ description: "why it cannot be used, or is set aside" }),
    version: z.int().optional(),
    changedAt: time.optional(),
    changedBy: z.string().optional(),
    fields: z.record(z.string(), z.unknown()).optional().openapi({
      description: "of a rule added through the API, as they were given",
    }),
  })
  .openapi("Rule");
export type RuleAnswer = z.infer<typeof rule>;

export const rules = z.object({ rules: z.array(rule) });
export type RulesAnswer = z.infer<typeof rules>;

export const deletedRule = z.object({ name: z.string() });
export type DeletedRuleAnswer = z.infer<typeof deletedRule>;

export const validateQuery = {
  rule: z
    .string()
    .max(255)
    .optional()
    .openapi({ description: "its name: its first prefix, or its first host" }),
  image: z.string().max(512).optional().openapi({
    description: "an image that exists there, named without the rule's prefix",
    example: "library/alpine:latest",
  }),
};

export const validation = z
  .object({
    rule: z.string(),
    valid: z.boolean(),
    checks: z.array(
      z.object({
        check: z.enum(["reach", "challenge", "credentials", "access", "image", "budget"]),
        good: z.boolean(),
        text: z.string(),
      }),
    ),
  })
  .openapi("Validation");
export type ValidationAnswer = z.infer<typeof validation>;
