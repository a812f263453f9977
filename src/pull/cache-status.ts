// Cache-Status (RFC 9211): what happened to a request, for a person with curl.

import type { How } from "../fill/contract.ts";
import type { Layer } from "../store/visit.ts";

/** Where an answer was: in a layer, or with the Durable Object that was asked for it. */
export type Place = Layer | "object";

export type CacheStatus =
  /** Answered from what was here. Where it was in several places, the farthest of them. */
  | { hit: Place }
  /** Answered from what was here, which is past its time: `ttl` s over it, while it is checked behind the answer. */
  | { passing: number }
  /** Answered from what was here, since the upstream could not be asked, or answered with this status. */
  | { instead: number | undefined }
  /** Asked of the upstream: `stored` by the one who began the fetch, `collapsed` into it by the others. */
  | {
      fwd: "uri-miss" | "stale" | "request";
      stored?: boolean;
      collapsed?: boolean;
      fwdStatus?: number;
    };

/** `entrepot-edge; hit`, `entrepot; fwd=uri-miss; stored`, `entrepot; fwd=uri-miss; collapsed`, … */
export function renderCacheStatus(status: CacheStatus): string {
  if ("hit" in status)
    return status.hit === "object" ? "entrepot; hit" : `entrepot-${status.hit}; hit`;
  if ("passing" in status) return `entrepot; hit; ttl=${0 - status.passing}`;
  if ("instead" in status) {
    const told = status.instead === undefined ? "" : `; fwd-status=${status.instead}`;
    return `entrepot; hit; fwd=stale${told}`;
  }
  const parts = ["entrepot", `fwd=${status.fwd}`];
  if (status.fwdStatus) parts.push(`fwd-status=${status.fwdStatus}`);
  if (status.stored) parts.push("stored");
  if (status.collapsed) parts.push("collapsed");
  return parts.join("; ");
}

/** How a request counts: in reports, metrics and the log. A tag that was only checked, with its manifest from here, is a hit. */
export type Outcome = "hit" | "miss" | "collapsed" | "stale";

export function outcomeOf(status: CacheStatus): Outcome {
  if ("hit" in status) return "hit";
  if (!("fwd" in status)) return "stale";
  if (status.collapsed) return "collapsed";
  return status.stored || status.fwd === "uri-miss" ? "miss" : "hit";
}

/** The status of content that a fill gave. */
export function statusOf(how: How): CacheStatus {
  if (how === "found") return { hit: "object" };
  return how === "started"
    ? { fwd: "uri-miss", stored: true }
    : { fwd: "uri-miss", collapsed: true };
}

const NEAR_TO_FAR: readonly Place[] = ["memory", "edge", "kv", "r2", "object"];

/** The status of an answer that took both. */
export function together(label: CacheStatus, content: CacheStatus): CacheStatus {
  if (!("hit" in label)) return label;
  if (!("hit" in content)) return content;
  const farther = NEAR_TO_FAR.indexOf(label.hit) > NEAR_TO_FAR.indexOf(content.hit);
  return farther ? label : content;
}
