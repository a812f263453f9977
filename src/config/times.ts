// Times that apply to the whole deployment, each a variable of its own.

import { duration } from "./duration.ts";
import { describe } from "./issues.ts";

/** All in ms. */
export interface Times {
  /** Time between marking an expired image and deleting it. */
  lifecycleGrace: number;
  /** Interval at which an isolate sends its counts to the catalog. */
  reportEvery: number;
}

/** At least 10 minutes: with less, a pull in progress could lose layers that it has not reached yet. */
const GRACE = duration("24h", 10 * 60_000)
  .prefault("24h")
  .describe(
    "Grace period between marking an expired image and deleting it. A pull in that time removes the mark.",
  );
/** At most 10 s: an isolate that ends loses the counts that it has not sent. */
const EVERY = duration("10s", 0, 10_000)
  .prefault("10s")
  .describe(
    "Interval at which an isolate sends its counts to the catalog. An isolate that ends may lose the counts of its last interval.",
  );

/** The schemas by the variables' names. */
export const timeFields = { LIFECYCLE_GRACE: GRACE, REPORT_EVERY: EVERY };

/** @param problems receives what is wrong */
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
