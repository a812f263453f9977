// Problems of the admin API (RFC 9457): a sentence, its status, and OCI's `errors` beside it.

import { z } from "@hono/zod-openapi";

export const PROBLEM_TYPE = "application/problem+json";

export const problem = z
  .object({
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .openapi("Problem");
export type ProblemAnswer = z.infer<typeof problem>;
