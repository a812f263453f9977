// Rate limit headers: `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 76;w=21600` (Docker Hub, in the form of
// draft-ietf-httpapi-ratelimit-headers), and `Retry-After` (RFC 9110, 10.2.3).

import type { Budget } from "../contract.ts";

/** Default window in s, where the headers give none: Docker Hub's. */
const DEFAULT_WINDOW = 6 * 60 * 60;
const COUNT = /^(\d{1,12})(?:\s*[;,].*)?$/;

/** Maximum window and pause that is accepted from an upstream, in ms. */
const MAX_WINDOW = 24 * 60 * 60_000;

/** Returns undefined where the answer has no rate limit headers, which means no limit. */
export function readBudget(headers: Headers, now: number): Budget | undefined {
  const remaining = countOf(headers.get("ratelimit-remaining"));
  if (remaining === undefined) return undefined;
  const text = headers.get("ratelimit-limit") ?? headers.get("ratelimit-remaining") ?? "";
  const window = Math.min(
    Number(/;\s*w=(\d{1,9})/.exec(text)?.[1] ?? DEFAULT_WINDOW) * 1000,
    MAX_WINDOW,
  );
  return {
    limit: countOf(headers.get("ratelimit-limit")) ?? remaining,
    remaining,
    window,
    seenAt: now,
  };
}

function countOf(text: string | null): number | undefined {
  const count = COUNT.exec(text?.trim() ?? "")?.[1];
  return count === undefined ? undefined : Number(count);
}

/** Returns ms from now, at most a day; undefined where absent, malformed or past. */
export function readRetryAfter(text: string | null, now: number): number | undefined {
  if (text === null) return undefined;
  const seconds = /^\s*(\d{1,9})\s*$/.exec(text)?.[1];
  const wait = seconds === undefined ? Date.parse(text) - now : Number(seconds) * 1000;
  return wait >= 0 ? Math.min(wait, MAX_WINDOW) : undefined; // also for NaN
}
