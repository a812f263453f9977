// Durations in the configuration: "10s", "5m", "1h", "7d".

import ms, { type StringValue } from "ms";
import { z } from "zod";

const CENTURY = 36_500 * 24 * 60 * 60_000;

/** A duration as a number with a unit, parsed to milliseconds.
 * @param least minimum in ms @param most maximum in ms */
export function duration(example: string, least = 0, most = CENTURY) {
  return z
    .string({ error: `must be a duration in quotes, such as "${example}"` })
    .regex(/^\d{1,9}(\.\d{1,9})?\s?(ms|s|m|h|d|w)$/, {
      error: `must be a number with a unit (ms, s, m, h, d, w), such as "${example}"`,
    })
    .transform((text) => ms(text as StringValue))
    .refine((time) => time >= least, { error: `must be at least ${ms(least)}` })
    .refine((time) => time <= most, { error: `must be at most ${ms(most)}` })
    .meta({ kind: "a duration" });
}
