// Pull: the context that every pull carries, besides the reference it asks for.

import type { Signers } from "../config/signers.ts";
import type { Asking } from "../fill/contract.ts";
import type { Steps } from "../meter/steps.ts";
import { requesterOf, type Who } from "../policy/requester.ts";
import type { Allowances, Finding } from "../policy/trust.ts";
import type { ReadVisit } from "../store/visit.ts";

export interface Pull extends ReadVisit {
  /** Deadline for the upstream's first byte, in ms since the epoch. A mirror that hangs must fail over like one that is down. */
  deadline: number;
  /** For a tag: the manifest is wanted, not only the mapping. */
  content?: boolean;
  /** The client sent `Cache-Control: no-cache`, and the rule honours it. */
  noCache: boolean;
  /** Digests in quarantine, set through the API in addition to the rules' deny lists, with the reason. */
  quarantined: ReadonlyMap<string, string>;
  /** Digests that pass the checks of age, signature and vulnerabilities until a time (break-glass). */
  allowances?: Allowances;
  /** Key material of the configured signers, for rules with `verify`. */
  signers?: Signers;
  /** Receives what checks in report mode find against the image. */
  findings?: Finding[];
  /** The client whose share of the upstream budget is used. */
  requester?: Who;
  /** Durations of the pull's steps. */
  steps?: Steps;
}

/** Additional time in ms a fill is waited for beyond the upstream's deadline, since the fill reports the more precise error. */
const FILL_GRACE = 250;

export function askingOf({ deadline, noCache, content, requester }: Pull): Asking {
  return {
    patience: Math.max(0, deadline - Date.now()) + FILL_GRACE,
    ...(noCache && { force: true }),
    ...(content && { content }),
    ...(requester && { by: requesterOf(requester) }),
  };
}
