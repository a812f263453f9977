// UpstreamRequest: a request to an upstream, and what the gate learns of it before it is sent and after it is answered.

import type { Rule } from "../config/rule.ts";
import type { ErrorCode, ErrorValue, RegistryError } from "../oci/error.ts";
import { BACKGROUND } from "../policy/requester.ts";
import type { Source } from "../policy/source.ts";
import { scopeOf } from "./authorization/scope.ts";
import { NameFailure } from "./client/name-failure.ts";
import type { Endpoint, PlannedRequest, RequestResult } from "./contract.ts";
import { readBudget, readRetryAfter } from "./health/limit.ts";

/** The reason for a request: `client` waits for the answer; `background` runs after an answer was sent; `transfer`
 * continues a transfer, which has retries of its own and neither respects nor starts a cooldown. */
export type Purpose = "client" | "background" | "transfer";

export interface UpstreamRequest {
  source: Source;
  purpose?: Purpose;
  kind: "manifest" | "blob" | "list";
  method: "GET" | "HEAD";
  /** Path behind `/v2/<repository>/`. */
  path: string;
  headers?: Record<string, string>;
  /** Statuses besides 2xx that the caller handles; any other is thrown as the client's error. */
  understood?: readonly number[];
  /** Statuses that the caller handles only if the answer has no challenge: credentials would not help. */
  unchallenged?: readonly number[];
  /** A HEAD that a following GET can settle: a 404 is returned, not thrown, where the gate doubts this upstream's
   * HEAD. */
  settled?: true;
  /** Returns the body as sent, whatever its Content-Encoding; by default it is decompressed. */
  asSent?: boolean;
  /** Error code for a 404. */
  unknown: ErrorCode;
}

export function endpointOf({ kind, path }: Pick<UpstreamRequest, "kind" | "path">): Endpoint {
  if (kind !== "list") return kind;
  return path.startsWith("tags/") ? "tags" : "referrers";
}

/** The part of an answer that the gate needs; without headers where no answer came. */
export interface AnswerSummary {
  elsewhere: boolean;
  status?: number;
  headers?: Headers;
  /** The error that the client gets. */
  error?: RegistryError;
}

/** Key of the identity that caused the request. */
function nameOf({ source, purpose }: UpstreamRequest): string {
  return purpose === "background" ? BACKGROUND : (source.by?.key ?? BACKGROUND);
}

function isPull({ kind, method }: UpstreamRequest): boolean {
  return kind === "manifest" && method === "GET";
}

export function plannedRequestOf(request: UpstreamRequest): PlannedRequest | undefined {
  if (request.purpose === "transfer") return undefined;
  const { rule, by } = request.source;
  return {
    by: nameOf(request),
    ...(by && { perMinute: by.perMinute }),
    ...(request.kind !== "list" && { repository: scopeOf(request.source) }),
    pull: isPull(request),
    background: request.purpose === "background",
    reserve: rule.reservePulls,
    deadline: rule.firstByteTimeout,
  };
}

/** Returns undefined where the gate has nothing to learn from the answer. */
export function resultOf(
  request: UpstreamRequest,
  { lentAt, watched }: { lentAt: number; watched: boolean },
  answer: AnswerSummary,
  now: number,
): RequestResult | undefined {
  const { rule } = request.source;
  const { status = 0, headers, error } = answer;
  // A blob's redirect counts as a good answer, whatever the storage behind it does.
  const isStorage = request.kind === "blob" && answer.elsewhere;
  // Rate limit headers of another origin, reached by a redirect, say nothing about this upstream's limit.
  const budget = headers && !answer.elsewhere ? readBudget(headers, now) : undefined;
  const ailing = !isStorage && error && (error.status === 429 || error.status >= 500);
  const refused = error !== undefined && !ailing && request.purpose !== "transfer";
  const isNews = budget || watched || (refused && request.source.by);
  if (ailing ? request.purpose === "transfer" : !isNews) return undefined;
  const seen: RequestResult = { by: nameOf(request), askedAt: lentAt, pull: isPull(request) };
  if (refused) seen.refused = true;
  if (request.kind !== "list") seen.repository = scopeOf(request.source);
  if (budget) seen.budget = budget;
  if (isStorage || (status >= 200 && status < 300)) seen.gave = true;
  if (ailing) {
    seen.error = withoutUpstreamMessage(error, rule);
    const retryAfter = readRetryAfter(headers?.get("retry-after") ?? null, now);
    if (retryAfter !== undefined) seen.retryAfter = retryAfter;
    if (error instanceof NameFailure) seen.ofName = true;
    if (error.status === 504 && status === 0) {
      seen.silent = true;
      if (request.purpose !== "background") seen.missed = rule.firstByteTimeout;
    }
  }
  return seen;
}

/** The error without the upstream's own message, for clients of all repositories: the message was about one of them. */
function withoutUpstreamMessage(error: RegistryError, { upstream }: Rule): ErrorValue {
  const { upstreamStatus } = error;
  const value = error.toValue();
  if (upstreamStatus === undefined) return value;
  return { ...value, message: `${upstream.host} answered ${upstreamStatus}` };
}
