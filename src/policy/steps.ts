// Matching steps: counts the cost of matching, so that work with untrusted patterns can be limited.

import { RegistryError } from "../oci/error.ts";

/** The number of steps that remain. */
export interface Steps {
  left: number;
}

/** The limit of the current work in this isolate; work is synchronous, so there is one at a time. */
let limit: Steps | undefined;

/** Runs work with a limit of matching steps, and deducts those that it takes; only a single match may exceed it. A step is one state of a
 * pattern at one character, a few nanoseconds. Throws UNSUPPORTED (400). @param work must be synchronous */
export function limited<T>(steps: Steps, work: () => T): T {
  const outer = limit;
  limit = steps;
  try {
    return work();
  } finally {
    limit = outer;
  }
}

/** Throws UNSUPPORTED (400) if this exceeds the caller's limit. */
export function spend(steps: number): void {
  if (!limit) return;
  limit.left -= steps;
  if (limit.left >= 0) return;
  throw new RegistryError(
    "UNSUPPORTED",
    "these patterns take too long to match against all cached images: use fewer patterns, or fewer * and **",
    { status: 400 },
  );
}
