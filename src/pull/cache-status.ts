// Cache-Status (RFC 9211): what happened to a request, for a person with curl.

import type { How } from "../fill/how.ts";

export type CacheStatus =
  /** Answered from what was here. */
  | "hit"
  /** Asked of the upstream: `stored` by the one who began the fetch, `collapsed` into it by the others. */
  | {
      fwd: "uri-miss" | "stale" | "bypass";
      stored?: boolean;
      collapsed?: boolean;
      fwdStatus?: number;
    };

/** `entrepot; hit`, `entrepot; fwd=uri-miss; stored`, `entrepot; fwd=uri-miss; collapsed`, … */
export function renderCacheStatus(status: CacheStatus): string {
  if (status === "hit") return "entrepot; hit";
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
