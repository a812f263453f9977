// Durations in the configuration: "10s", "5m", "1h", "7d".

import ms, { type StringValue } from "ms";
import { z } from "zod";

/** A duration as a number with a unit; parsed to milliseconds. */
export function duration(example: string) {
  return z
    .string({ error: `must be a duration in quotes, such as "${example}"` })
    .regex(/^\d+(\.\d+)?\s?(ms|s|m|h|d|w)$/, {
      error: `must be a number with a unit (ms, s, m, h, d, w), such as "${example}"`,
    })
    .transform((text) => ms(text as StringValue));
}
