// What is asked of an upstream, and what the gate is told of it: before, so that it may say no, and after.

import type { Rule } from "../config/rule.ts";
import type { ErrorCode, ErrorValue, RegistryError } from "../oci/error.ts";
import { BACKGROUND } from "../policy/requester.ts";
import type { Source } from "../policy/source.ts";
import { scopeOf } from "./authorization/scope.ts";
import { NameFailure } from "./client/name-failure.ts";
import type { Endpoint, Seen, Use } from "./contract.ts";
import { readBudget, readRetryAfter } from "./health/limit.ts";

/** Why something is asked: for a client that waits, behind an answer that was given, or to go on with a transfer, which
 * has its own patience, and neither heeds a cooldown nor begins one. */
export type Purpose = "client" | "background" | "transfer";

export interface UpstreamRequest {
  source: Source;
  purpose?: Purpose;
  kind: "manifest" | "blob" | "list";
  method: "GET" | "HEAD";
  /** Behind `/v2/<repository>/`. */
  path: string;
  headers?: Record<string, string>;
  /** Statuses, beside 2xx, that the caller understands; anything else is thrown as the client is to see it. */
  understood?: readonly number[];
  /** Those that are so where the answer has no challenge: who asks could do nothing about it. */
  unchallenged?: readonly number[];
  /** HEAD, which a GET settles: a 404 is an answer too where the gate doubts this upstream's HEAD. */
  settled?: true;
  /** The body as it comes, whatever its Content-Encoding says; else it is decompressed. */
  asSent?: boolean;
  /** What a 404 means here. */
  unknown: ErrorCode;
}

export function endpointOf({ kind, path }: Pick<UpstreamRequest, "kind" | "path">): Endpoint {
  if (kind !== "list") return kind;
  return path.startsWith("tags/") ? "tags" : "referrers";
}

/** As far as the gate has to know an answer; without headers where none came. */
export interface Reply {
  elsewhere: boolean;
  status?: number;
  headers?: Headers;
}

/** The identity that it is asked for. */
function nameOf({ source, purpose }: UpstreamRequest): string {
  return purpose === "background" ? BACKGROUND : (source.by?.key ?? BACKGROUND);
}

function isPull({ kind, method }: UpstreamRequest): boolean {
  return kind === "manifest" && method === "GET";
}

export function useOf(asked: UpstreamRequest): Use | undefined {
  if (asked.purpose === "transfer") return undefined;
  const { rule, by } = asked.source;
  return {
    by: nameOf(asked),
    ...(by && { perMinute: by.perMinute }),
    ...(asked.kind !== "list" && { repository: scopeOf(asked.source) }),
    pull: isPull(asked),
    background: asked.purpose === "background",
    reserve: rule.reservePulls,
    deadline: rule.firstByteTimeout,
  };
}

/** Undefined where the answer is no news to the gate. */
export function seenOf(
  asked: UpstreamRequest,
  { lentAt, watched }: { lentAt: number; watched: boolean },
  answer: Reply,
  error: RegistryError | undefined,
  now: number,
): Seen | undefined {
  const { rule } = asked.source;
  const { status = 0, headers } = answer;
  // A blob's redirect is a good answer, whatever the storage makes of it then.
  const isStorage = asked.kind === "blob" && answer.elsewhere;
  // What another origin tells, by a redirect, is no limit of this one.
  const budget = headers && !answer.elsewhere ? readBudget(headers, now) : undefined;
  const ailing = !isStorage && error && (error.status === 429 || error.status >= 500);
  const refused = error !== undefined && !ailing && asked.purpose !== "transfer";
  const isNews = budget || watched || (refused && asked.source.by);
  if (ailing ? asked.purpose === "transfer" : !isNews) return undefined;
  const seen: Seen = { by: nameOf(asked), askedAt: lentAt, pull: isPull(asked) };
  if (refused) seen.refused = true;
  if (asked.kind !== "list") seen.repository = scopeOf(asked.source);
  if (budget) seen.budget = budget;
  if (isStorage || (status >= 200 && status < 300)) seen.gave = true;
  if (ailing) {
    seen.error = wordless(error, rule);
    const retryAfter = readRetryAfter(headers?.get("retry-after") ?? null, now);
    if (retryAfter !== undefined) seen.retryAfter = retryAfter;
    if (error instanceof NameFailure) seen.ofName = true;
    if (error.status === 504 && status === 0) {
      seen.silent = true;
      if (asked.purpose !== "background") seen.missed = rule.firstByteTimeout;
    }
  }
  return seen;
}

/** As all clients of the upstream may be told: what it said was of one repository. */
function wordless(error: RegistryError, { upstream }: Rule): ErrorValue {
  const { upstreamStatus } = error;
  const value = error.toValue();
  if (upstreamStatus === undefined) return value;
  return { ...value, message: `${upstream.host} answered ${upstreamStatus}` };
}
