// Durations in the configuration: "10s", "5m", "1h", "7d".

import ms, { type StringValue } from "ms";
import { z } from "zod";

/** A duration as a number with a unit; parsed to milliseconds.
 * @param least the least that makes sense, in ms */
export function duration(example: string, least = 0) {
  return z
    .string({ error: `must be a duration in quotes, such as "${example}"` })
    .regex(/^\d{1,9}(\.\d{1,9})?\s?(ms|s|m|h|d|w)$/, {
      error: `must be a number with a unit (ms, s, m, h, d, w), such as "${example}"`,
    })
    .transform((text) => ms(text as StringValue))
    .refine((time) => time >= least, { error: `must be ${ms(least)} at least` });
}
