// Cache-Status (RFC 9211): how a request was served, readable in a client's response headers.

import type { How } from "../fill/contract.ts";
import type { Layer } from "../store/visit.ts";

/** Where a response's content was found: a storage layer, or the Durable Object of its fill. */
export type Place = Layer | "object";

export type CacheStatus =
  /** Served from the cache. Where several layers were involved, the slowest of them. */
  | { hit: Place }
  /** Served from the cache past its freshness, by this many seconds, while it is revalidated in the background. */
  | { passing: number }
  /** Served stale because the upstream could not be reached, or responded with this status. */
  | { instead: number | undefined }
  /** Forwarded to the upstream: `stored` for the request that started the fetch, `collapsed` for those that joined it. */
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
    const upstream = status.instead === undefined ? "" : `; fwd-status=${status.instead}`;
    return `entrepot; hit; fwd=stale${upstream}`;
  }
  const parts = ["entrepot", `fwd=${status.fwd}`];
  if (status.fwdStatus) parts.push(`fwd-status=${status.fwdStatus}`);
  if (status.stored) parts.push("stored");
  if (status.collapsed) parts.push("collapsed");
  return parts.join("; ");
}

/** How a request counts in reports, metrics and the log. A tag that was revalidated while its manifest came from the cache is a
 * hit. */
export type Outcome = "hit" | "miss" | "collapsed" | "stale";

export function outcomeOf(status: CacheStatus): Outcome {
  if ("hit" in status) return "hit";
  if (!("fwd" in status)) return "stale";
  if (status.collapsed) return "collapsed";
  return status.stored || status.fwd === "uri-miss" ? "miss" : "hit";
}

/** The status of content that came from a fill. */
export function statusOf(how: How): CacheStatus {
  if (how === "found") return { hit: "object" };
  return how === "started"
    ? { fwd: "uri-miss", stored: true }
    : { fwd: "uri-miss", collapsed: true };
}

const NEAR_TO_FAR: readonly Place[] = ["memory", "edge", "kv", "r2", "object"];

/** The status of a response that needed both a tag and its content: a forward wins over a hit, a slower layer over a faster one. */
export function together(label: CacheStatus, content: CacheStatus): CacheStatus {
  if (!("hit" in label)) return label;
  if (!("hit" in content)) return content;
  const farther = NEAR_TO_FAR.indexOf(label.hit) > NEAR_TO_FAR.indexOf(content.hit);
  return farther ? label : content;
}
