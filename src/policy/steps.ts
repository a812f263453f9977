// Steps: what matching costs, counted, so that work on foreign patterns can be given an end.

import { RegistryError } from "../oci/error.ts";

/** How many steps may still be taken. */
export interface Steps {
  left: number;
}

/** Of the work that is going on in this isolate: it is synchronous, so that there is one at a time. */
let limit: Steps | undefined;

/** Does work whose matching takes no more steps than are left, and takes them off; one match may go over it, no more. A step is one state
 * of a pattern at one character, a few nanoseconds. Throws UNSUPPORTED (400). @param work synchronous */
export function limited<T>(steps: Steps, work: () => T): T {
  const outer = limit;
  limit = steps;
  try {
    return work();
  } finally {
    limit = outer;
  }
}

/** Throws UNSUPPORTED (400) where the caller has set a limit that this goes over. */
export function spend(steps: number): void {
  if (!limit) return;
  limit.left -= steps;
  if (limit.left >= 0) return;
  throw new RegistryError(
    "UNSUPPORTED",
    "these patterns take too long to match against all that is here: write fewer, or some with fewer * and **",
    { status: 400 },
  );
}
