// Waiting for a run: what a joiner or a follower gets from its current state, which is an answer, an error, or nothing
// yet.

import { RegistryError } from "../../oci/error.ts";
import type { Source } from "../../policy/source.ts";
import { SEGMENT } from "../../store/segments.ts";
import { late } from "../../upstream/client/request.ts";
import type { Joined, Ready } from "../contract.ts";
import type { Run } from "./run.ts";

/** Maximum interval in ms between a joiner's checks of the clock. */
const POLL_INTERVAL = 250;

/** A request that waits for a run's first answer. */
interface Joiner {
  readonly source: Source;
  /** Maximum wait in ms, extended while bytes arrive. */
  readonly patience: number;
  /** Whether the run was started for it. */
  readonly began: boolean;
}

/** A request that waits for a segment of an attempt. */
interface Follower {
  readonly source: Source;
  readonly attempt: string;
  /** The segment's number. */
  readonly number: number;
  /** Waits for the whole blob instead of the segment. */
  readonly verified: boolean;
}

/** Waits for the joiner's answer. */
export function joinedTo(run: Run, joiner: Joiner): Promise<Joined> {
  const begun = Date.now();
  const look = () => lookForJoiner(run, joiner, Date.now() - begun);
  return run.signal.until(look, Math.min(POLL_INTERVAL, joiner.patience / 4 + 1));
}

/** @param waited time in ms waited so far */
function lookForJoiner(
  run: Run,
  { source, patience, began }: Joiner,
  waited: number,
): Joined | undefined {
  const how = run.found ? "found" : began ? "started" : "joined";
  if (run.published) return { state: "published", layout: run.published, how };
  throwFailure(run, source);
  const { attempt } = run;
  if (!attempt || (attempt.size !== null && attempt.size <= SEGMENT)) {
    if (waited >= patience && !run.isMoving(patience)) throw late(source.rule);
    return undefined;
  }
  const { id, size, ranges } = attempt;
  const { compared } = run;
  return { state: "filling", attempt: id, size, ranges, how, ...(compared && { compared }) };
}

export function lookForFollower(
  run: Run,
  { source, attempt, number, verified }: Follower,
): Ready | undefined {
  if (run.published) {
    // Both are verified: a follower of the run's own attempt continues with the published one.
    if (run.published.attempt !== attempt && run.attempt?.id !== attempt) throw broken();
    return { segments: [], layout: run.published };
  }
  throwFailure(run, source);
  if (!run.attempt) return undefined;
  if (run.attempt.id !== attempt) throw broken();
  if (verified) return undefined;
  const segments = run.attempt.readyFrom(number);
  if (segments.length > 0) return { segments };
  run.attempt.want(number);
  return undefined;
}

function throwFailure(run: Run, source: Source): void {
  const error = run.sources.errorOf(source);
  if (error) throw error;
  if (run.failure) throw run.failure.error;
}

export function broken(): RegistryError {
  return new RegistryError("UNAVAILABLE", "the transfer was restarted; retry");
}
