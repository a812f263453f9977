// LIMITS: how much of what all share one identity may use.

import { z } from "zod";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";

export interface Limits {
  /** Per minute, identity and upstream; 0: no limit. */
  coldRequests: number;
}

/** A cold image of 20 layers is some 25 questions: 240 images a minute, and 480 at once, however many nodes pull each of them. */
const COLD_REQUESTS = 6_000;

export const limitsSchema = z.strictObject({
  coldRequests: z
    .int("must be a whole number")
    .min(0, "must be 0, for no limit, or more")
    .max(1_000_000, "must be 1000000 at most; 0 is no limit")
    .default(COLD_REQUESTS)
    .describe(
      "How many questions a minute one identity may cause at one upstream by what is not cached; two minutes' worth may come at once, and one that is refused or fails counts as ten. An identity is a pull token, an issuer's subject, or the client's network. Beyond it, 429. 0: no limit.",
    ),
});

/** @param value of the variable LIMITS: a table, or JSON of one @param problems takes what is wrong */
export function readLimits(value: unknown, problems: string[]): Limits {
  const usual = { coldRequests: COLD_REQUESTS };
  if (value === undefined || value === "") return usual;
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`LIMITS: ${given.problem}`);
    return usual;
  }
  const parsed = limitsSchema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.flatMap((issue) => describe("LIMITS", issue, "LIMITS")));
  return usual;
}
