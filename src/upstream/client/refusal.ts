// An upstream's bad answer, told to the client in the upstream's meaning: 401, 403, 404 and 429 stay what
// they are, the upstream's own failures become 502, 503 and 504.

import { type ErrorCode, RegistryError } from "../../oci/error.ts";
import { parseObject } from "../../oci/json.ts";
import { plain } from "../../text/plain.ts";
import { repeats } from "../../text/repeated.ts";
import { readText } from "./body.ts";

/** Whose fault it is: a refusal concerns those who came with this source, a failure everybody. */
export function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && [401, 403, 404, 429].includes(error.status);
}

/** Whether somebody has it from the upstream itself, or from the log already: it is not for the log once more. */
export function isKnown(error: unknown): boolean {
  return isRefusal(error) || (error instanceof RegistryError && error.unasked);
}

/** Whether it was the credentials, or the lack of them. */
export function isRefused(error: unknown): boolean {
  return error instanceof RegistryError && (error.status === 401 || error.status === 403);
}

/** A 429 always says when to come again, also where the upstream did not.
 * @param seconds 0 where there is no telling */
export function withRetryAfter(error: RegistryError, seconds: number): RegistryError {
  const { code, message, ...options } = error.toValue();
  if (error.status !== 429 || seconds <= 0) return error;
  const told = Number(error.headers["Retry-After"] ?? 0);
  if (told > 0 || Number.isNaN(told)) return error;
  const headers = { ...options.headers, "Retry-After": String(seconds) };
  return new RegistryError(code, message, { ...options, headers });
}

const ERROR_BODY_LIMIT = 16 * 1024;
/** In ms: the status is known, and the words can be done without. */
const ERROR_BODY_TIME = 2_000;

/** What an answer means to clients: a code, and the status that goes with it. */
export type Meaning = [code: ErrorCode, status: number];

/** Reads (bounded) and consumes the answer's body.
 * @param unknown the code that 404 means here; undefined where it means that something is broken
 * @param secrets what must not be repeated, should the upstream echo it */
export async function refusalOf(
  response: Response,
  host: string,
  unknown: ErrorCode | undefined,
  secrets: readonly string[] = [],
): Promise<RegistryError> {
  const said = messageIn(await readErrorBody(response), secrets);
  return refusalAs(response, host, meaningOf(response.status, unknown), said);
}

/** An answer of bad status, told in this meaning.
 * @param said what may be repeated of its body; may be empty */
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

/** As much of it as is worth reading; empty where it breaks off. */
export async function readErrorBody(response: Response): Promise<string> {
  const bounds = { bytes: ERROR_BODY_LIMIT, silence: ERROR_BODY_TIME, time: ERROR_BODY_TIME };
  return readText(response, bounds).catch(() => ""); // the status says enough
}

/** Of a registry's own words, in UTF-16 units. */
const LONGEST_MESSAGE = 300;

/** The first message of an OCI error body, one line of it. Empty for what is no OCI error, such as a proxy's HTML page, and for one
 * that repeats a secret. */
function messageIn(text: string, secrets: readonly string[]): string {
  const { errors } = parseObject(text) ?? {};
  const [first] = Array.isArray(errors) ? errors : [];
  const message = (first as { message?: unknown } | null | undefined)?.message;
  if (typeof message !== "string" || repeats(message, secrets)) return "";
  return plain(message, LONGEST_MESSAGE);
}
