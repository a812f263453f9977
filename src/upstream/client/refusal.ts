// Upstream errors as clients see them: 401, 403, 404 and 429 keep their meaning, the upstream's own failures become
// 502, 503 and 504.

import { type ErrorCode, RegistryError } from "../../oci/error.ts";
import { parseObject } from "../../oci/json.ts";
import { plain } from "../../text/plain.ts";
import { repeats } from "../../text/repeated.ts";
import { readText } from "./body.ts";

/** Whether the error is a refusal, which concerns only requests with this source; a failure concerns all. */
export function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && [401, 403, 404, 429].includes(error.status);
}

/** Whether the upstream does not have it: 404. */
export function isUnknown(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.status === 404;
}

/** Turns a 404 into undefined, for a GET to decide; throws any other error. */
export function unlessUnknown(error: unknown): undefined {
  if (isUnknown(error)) return undefined;
  throw error;
}

/** Whether the error needs no log entry: the client gets it from the upstream, or it was logged before. */
export function isKnown(error: unknown): boolean {
  return isRefusal(error) || (error instanceof RegistryError && error.unasked);
}

/** Whether credentials were missing or refused. */
export function isRefused(error: unknown): boolean {
  return error instanceof RegistryError && (error.status === 401 || error.status === 403);
}

/** Adds the Retry-After that an upstream's 429 lacks.
 * @param seconds 0 where unknown */
export function withRetryAfter(error: RegistryError, seconds: number): RegistryError {
  const { code, message, ...options } = error.toValue();
  if (error.status !== 429 || seconds <= 0) return error;
  const given = Number(error.headers["Retry-After"] ?? 0);
  if (given > 0 || Number.isNaN(given)) return error;
  const headers = { ...options.headers, "Retry-After": String(seconds) };
  return new RegistryError(code, message, { ...options, headers });
}

const ERROR_BODY_LIMIT = 16 * 1024;
/** Timeout of an error body in ms: the status is known, and its message is optional. */
const ERROR_BODY_TIMEOUT = 2_000;

/** The meaning of an answer for clients: an error code, and its status. */
export type Meaning = [code: ErrorCode, status: number];

/** Reads (bounded) and consumes the answer's body.
 * @param unknown the code for 404; undefined where 404 means a failure
 * @param secrets never repeated, should the upstream echo them */
export async function refusalOf(
  response: Response,
  host: string,
  unknown: ErrorCode | undefined,
  secrets: readonly string[] = [],
): Promise<RegistryError> {
  const said = messageIn(await readErrorBody(response), secrets);
  return refusalAs(response, host, meaningOf(response.status, unknown), said);
}

/** Error for an answer, with the given meaning.
 * @param said the part of its body that may be repeated; may be empty */
export function refusalAs(
  { status, headers }: Pick<Response, "status" | "headers">,
  host: string,
  [code, ourStatus]: Meaning,
  said: string,
): RegistryError {
  const retryAfter = headers.get("retry-after");
  const repeats =
    retryAfter && (ourStatus === 429 || ourStatus === 503) && /^[\w ,:+-]{1,40}$/.test(retryAfter);
  return new RegistryError(code, `${host} answered ${status}${said && `: ${said}`}`, {
    status: ourStatus,
    headers: repeats ? { "Retry-After": retryAfter } : {},
    upstreamStatus: status,
  });
}

export function meaningOf(status: number, unknown?: ErrorCode): Meaning {
  if (status === 401) return ["UNAUTHORIZED", 401];
  if (status === 403) return ["DENIED", 403];
  if (unknown && (status === 404 || status === 410)) return [unknown, 404];
  if (status === 429) return ["TOOMANYREQUESTS", 429];
  return ["UNAVAILABLE", status === 503 || status === 504 ? status : 502];
}

/** Reads the body up to ERROR_BODY_LIMIT; empty where that fails. */
export async function readErrorBody(response: Response): Promise<string> {
  const bounds = { bytes: ERROR_BODY_LIMIT, silence: ERROR_BODY_TIMEOUT, time: ERROR_BODY_TIMEOUT };
  return readText(response, bounds).catch(() => ""); // the status is enough
}

/** Maximum length of a registry's message, in UTF-16 units. */
const MAX_MESSAGE_LENGTH = 300;

/** Returns the first message of an OCI error body, on one line. Empty where the body is something else, such as a
 * proxy's HTML page, or repeats a secret. */
function messageIn(text: string, secrets: readonly string[]): string {
  const { errors } = parseObject(text) ?? {};
  const [first] = Array.isArray(errors) ? errors : [];
  const message = (first as { message?: unknown } | null | undefined)?.message;
  if (typeof message !== "string" || repeats(message, secrets)) return "";
  return plain(message, MAX_MESSAGE_LENGTH);
}
