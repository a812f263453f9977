// What every pull comes with, beside what it asks for.

import type { Asking } from "../fill/contract.ts";
import type { Steps } from "../meter/steps.ts";
import { requesterOf, type Who } from "../policy/requester.ts";
import type { ReadVisit } from "../store/visit.ts";

export interface Pull extends ReadVisit {
  /** Until when the upstream may begin to answer, in ms since the epoch: a mirror that hangs is worse than one that is
   * dead. */
  deadline: number;
  /** Of a tag: its manifest is wanted, not what it means alone. */
  content?: boolean;
  /** The client wants what the upstream says now, and the rule lets it. */
  noCache: boolean;
  /** Digests that nobody gets, for now, and why: by the API, beside what rules deny. */
  quarantined: ReadonlyMap<string, string>;
  /** Whose share of what the upstream is asked it uses. */
  requester?: Who;
  /** How long its steps take. */
  steps?: Steps;
}

/** How much longer than the upstream has, in ms, a fill is waited for: whoever asked it knows better what happened. */
const GRACE = 250;

export function askingOf({ deadline, noCache, content, requester }: Pull): Asking {
  return {
    patience: Math.max(0, deadline - Date.now()) + GRACE,
    ...(noCache && { force: true }),
    ...(content && { content }),
    ...(requester && { by: requesterOf(requester) }),
  };
}
