// Times that are configured for all: variables of their own.

import { duration } from "./duration.ts";
import { describe } from "./issues.ts";

/** In ms. */
export interface Times {
  /** Between the mark of an image that expires and its deletion. */
  lifecycleGrace: number;
  /** How often an isolate tells the catalog what it has counted. */
  reportEvery: number;
}

/** Shorter, a pull that has begun could lose what it has not come to yet. */
const GRACE = duration("24h", 10 * 60_000)
  .prefault("24h")
  .describe(
    "How long an image that a policy expires is kept after its mark; a pull in that time takes the mark back.",
  );
/** At most: what an isolate has counted last may be lost with it. */
const EVERY = duration("10s", 0, 10_000)
  .prefault("10s")
  .describe(
    "How often an isolate tells the catalog what it has counted; an isolate's last such time may be lost with it.",
  );

/** Of the variables by their names. */
export const timeFields = { LIFECYCLE_GRACE: GRACE, REPORT_EVERY: EVERY };

/** @param problems takes what is wrong */
export function readTimes(env: Readonly<Record<string, unknown>>, problems: string[]): Times {
  return {
    lifecycleGrace: read(env, "LIFECYCLE_GRACE", GRACE, problems),
    reportEvery: read(env, "REPORT_EVERY", EVERY, problems),
  };
}

function read(
  env: Readonly<Record<string, unknown>>,
  name: string,
  schema: typeof GRACE,
  problems: string[],
): number {
  const parsed = schema.safeParse(env[name] === "" ? undefined : env[name]);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.flatMap((issue) => describe(name, issue, "it")));
  return 0;
}
