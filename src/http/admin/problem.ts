// Problems of the API (RFC 9457): a sentence, its status, and, since clients of registries look for them, OCI's `errors` beside it.

import { PROBLEM_TYPE, type ProblemAnswer } from "../../api/problem.ts";
import type { RegistryError } from "../../oci/error.ts";
import { asRegistryError } from "../../platform/rpc.ts";
import { jsonText } from "../../text/plain.ts";
import { HARMLESS } from "../shared/respond.ts";

/** So many things that are wrong are told, in so many characters. */
const MAX_PROBLEMS = 10;
const MAX_DETAIL = 1_200;

/** @param error what a handler has thrown; what is no RegistryError is a fault of ours, logged and told briefly */
export function problemResponse(error: unknown): Response {
  const known = asRegistryError(error);
  return problemsResponse(known, [known.message]);
}

function problemsResponse(
  {
    code,
    status,
    headers,
  }: Pick<RegistryError, "code" | "status"> & Partial<Pick<RegistryError, "headers">>,
  messages: readonly string[],
): Response {
  const told = bounded(messages);
  const problem: ProblemAnswer = {
    title: TITLES[status] ?? "The request failed",
    status,
    detail: told.join("; "),
    errors: told.map((message) => ({ code, message })),
  };
  return new Response(`${jsonText(problem, 2)}\n`, {
    status,
    headers: { "Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store", ...HARMLESS, ...headers },
  });
}

/** Enough to mend what was sent by, and not as long as that may be. */
function bounded(messages: readonly string[]): string[] {
  const told: string[] = [];
  let left = MAX_DETAIL;
  for (const message of messages.slice(0, MAX_PROBLEMS)) {
    if (left <= 0) break;
    told.push(message.length > left ? `${message.slice(0, left)}…` : message);
    left -= message.length;
  }
  const more = messages.length - told.length;
  return more > 0 ? [...told, `and ${more} more`] : told;
}

/** @param messages each with its field's path */
export function badRequest(messages: readonly string[]): Response {
  return problemsResponse({ code: "UNSUPPORTED", status: 400 }, messages);
}

const TITLES: Record<number, string> = {
  400: "The request cannot be understood",
  401: "Nobody knows who asks",
  403: "That may not be done",
  404: "There is nothing here",
  405: "That cannot be done here",
  409: "Something else is at work",
  412: "Something has changed meanwhile",
  413: "That is too long",
  429: "That was asked too often",
  500: "The cache failed",
  503: "The cache cannot tell at the moment",
};
