// Cache-Status (RFC 9211): what happened to a request, for a person with curl.

import type { How } from "../fill/how.ts";

export type CacheStatus =
  /** Answered from what was here. */
  | "hit"
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

/** `entrepot; hit`, `entrepot; fwd=uri-miss; stored`, `entrepot; fwd=uri-miss; collapsed`, … */
export function renderCacheStatus(status: CacheStatus): string {
  if (status === "hit") return "entrepot; hit";
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

/** The status of content that a fill gave. */
export function statusOf(how: How): CacheStatus {
  if (how === "found") return "hit";
  return how === "started"
    ? { fwd: "uri-miss", stored: true }
    : { fwd: "uri-miss", collapsed: true };
}
