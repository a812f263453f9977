// Pull tokens, the signing keys of our own tokens, and the log of what administrators did.

import { z } from "@hono/zod-openapi";
import { repositories } from "../config/auth.ts";
import { duration } from "../config/duration.ts";
import { network } from "../config/network.ts";
import { time } from "./fields.ts";

/** Maximum number of globs, and of networks, of one token. */
const MAX_GLOBS = 200;

export const newToken = z.strictObject({
  name: z
    .string({ error: "must be a name, for people" })
    .regex(/^\P{Cc}{1,100}$/u, "must be a line of text, of 100 characters at most"),
  repositories: repositories.max(MAX_GLOBS, `must hold ${MAX_GLOBS} globs at most`),
  expiry: z.string({ error: "must be a time, or a duration" }).optional(),
  networks: z
    .array(network, { error: "must be a list of networks" })
    .max(MAX_GLOBS, `must hold ${MAX_GLOBS} networks at most`)
    .default([]),
  touches: z.boolean({ error: "must be true or false" }).default(true),
});

/** A new token's `expiry`: a point in time, or a duration from now, in ms. */
export const expiry = z.union([
  z.iso.datetime({ offset: true }).transform((text) => ({ at: Date.parse(text) })),
  duration("").transform((time) => ({ in: time })),
]);

export const token = z
  .object({
    id: z.string(),
    name: z.string(),
    repositories: z.array(z.string()).openapi({ description: "globs over names" }),
    networks: z.array(z.string()).openapi({ description: "CIDR; empty: any network" }),
    state: z.enum(["valid", "expired", "revoked"]),
    createdAt: time,
    createdBy: z.string(),
    expiresAt: time.optional(),
    usedAt: time.optional().openapi({ description: "accurate to about five minutes" }),
    revokedAt: time.optional(),
    revokedBy: z.string().optional(),
    touches: z.literal(false).optional().openapi({
      description: "false: requests with this token do not keep an image from expiring",
    }),
  })
  .openapi("PullToken");
export type TokenAnswer = z.infer<typeof token>;

export const tokens = z.object({ tokens: z.array(token) });
export type TokensAnswer = z.infer<typeof tokens>;

export const createdToken = token.extend({ token: z.string() });
export type CreatedTokenAnswer = z.infer<typeof createdToken>;

export const action = z
  .object({ id: z.int(), at: time, who: z.string(), what: z.string() })
  .openapi("Action");
export type ActionAnswer = z.infer<typeof action>;

export const actions = z.object({ actions: z.array(action), next: z.string().optional() });
export type ActionsAnswer = z.infer<typeof actions>;

export const rotatedKey = z.object({ kid: z.string() });
