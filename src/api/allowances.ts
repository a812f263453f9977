// Allowances (break-glass): digests that pass the checks of age, signature and vulnerabilities until a time.

import { z } from "@hono/zod-openapi";
import { digest, sentence } from "../config/fields.ts";
import { end, time } from "./fields.ts";

export const newAllowance = z.strictObject({ digest, until: end, reason: sentence });

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
