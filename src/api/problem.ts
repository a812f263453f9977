// Problems: the error format of the admin API (RFC 9457), and the kinds that there are.

import { z } from "@hono/zod-openapi";

export const PROBLEM_TYPE = "application/problem+json";

/** Every kind of problem, with its usual status and its title. Clients may tell problems apart by `type`. */
export const PROBLEMS = {
  "invalid-request": { status: 400, title: "Invalid request" },
  unauthorized: { status: 401, title: "Authentication required" },
  forbidden: { status: 403, title: "Not permitted" },
  "not-found": { status: 404, title: "Not found" },
  "no-such-rule": { status: 404, title: "No such rule" },
  "not-cached": { status: 404, title: "Image not cached" },
  "method-not-allowed": { status: 405, title: "Method not allowed" },
  conflict: { status: 409, title: "Conflict" },
  "image-in-use": { status: 409, title: "Image in use" },
  "sweep-running": { status: 409, title: "A sweep is running" },
  "version-mismatch": { status: 412, title: "Changed since it was read" },
  "body-too-large": { status: 413, title: "Request body too large" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  "internal-error": { status: 500, title: "Internal error" },
  "upstream-error": { status: 502, title: "Upstream error" },
  unavailable: { status: 503, title: "Temporarily unavailable" },
  "upstream-timeout": { status: 504, title: "Upstream timeout" },
} as const;
export type ProblemKind = keyof typeof PROBLEMS;

export const problem = z
  .object({
    type: z.string().openapi({
      description: "the kind of problem, as a relative URI",
      example: "/guide/api#not-found",
    }),
    title: z.string().openapi({ description: "the same for every problem of its kind" }),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(z.object({ message: z.string(), field: z.string().optional() }))
      .openapi({ description: "each thing that is wrong, at least one" }),
  })
  .openapi("Problem");
export type ProblemAnswer = z.infer<typeof problem>;

/** A relative URI: a cache has no address of its own, and its guide describes the API. */
export function problemType(kind: ProblemKind): string {
  return `/guide/api#${kind}`;
}
