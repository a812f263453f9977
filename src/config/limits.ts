// LIMITS: how much of the shared upstream capacity one identity may use.

import { z } from "zod";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";

export interface Limits {
  /** Upstream requests per minute, identity and upstream; 0 for no limit. */
  coldRequests: number;
}

/** Default per minute: a cold image of 20 layers takes about 25 requests, so 240 images a minute and 480 in a burst, however many nodes
 * pull each of them. */
const COLD_REQUESTS = 6_000;

export const limitsSchema = z.strictObject({
  coldRequests: z
    .int("must be a whole number")
    .min(0, "must be at least 0; 0 means no limit")
    .max(1_000_000, "must be at most 1000000; 0 means no limit")
    .default(COLD_REQUESTS)
    .describe(
      "Maximum requests per minute to one upstream that one identity may cause by pulling uncached content, with a burst of two minutes' worth. A request that is refused or fails counts as ten. An identity is a pull token, an issuer's subject, or the client's network. Beyond the limit the answer is 429. 0: no limit.",
    ),
});

/** @param value of the variable LIMITS: a table, or its JSON @param problems receives what is wrong */
export function readLimits(value: unknown, problems: string[]): Limits {
  const defaults = { coldRequests: COLD_REQUESTS };
  if (value === undefined || value === "") return defaults;
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`LIMITS: ${given.problem}`);
    return defaults;
  }
  const parsed = limitsSchema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.flatMap((issue) => describe("LIMITS", issue, "LIMITS")));
  return defaults;
}
