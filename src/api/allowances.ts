// Allowances (break-glass): digests that pass the checks of age, signature and vulnerabilities until a time.

import { z } from "@hono/zod-openapi";
import { digest, sentence } from "../config/fields.ts";
import { end, time } from "./fields.ts";

export const newAllowance = z.strictObject({ digest, until: end, reason: sentence });

/** The allowance that was read: it may have been replaced since. */
export const confirmQuery = {
  at: time
    .transform((text) => Date.parse(text))
    .optional()
    .openapi({
      type: "string",
      format: "date-time",
      description: "`at` of the allowance that is confirmed; 409 if another one has replaced it",
    }),
};

export const allowance = z
  .object({
    digest: z.string(),
    until: time,
    reason: z.string(),
    who: z.string(),
    at: time,
    confirmedBy: z.string().optional().openapi({ description: "a second person" }),
  })
  .openapi("Allowance");
export type AllowanceAnswer = z.infer<typeof allowance>;

export const allowances = z.object({ allowances: z.array(allowance) });
export type AllowancesAnswer = z.infer<typeof allowances>;
