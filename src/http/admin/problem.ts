// Problems of the admin API (RFC 9457): thrown by handlers as ApiProblem, rendered here.

import {
  PROBLEM_TYPE,
  PROBLEMS,
  type ProblemAnswer,
  type ProblemKind,
  problemType,
} from "../../api/problem.ts";
import { asRegistryError } from "../../platform/rpc.ts";
import { jsonText, plain } from "../../text/plain.ts";
import { HARMLESS } from "../shared/respond.ts";

/** Maximum number of errors listed in one problem. */
const MAX_ERRORS = 10;
/** Maximum total length of their messages, in characters. */
const MAX_DETAIL = 1_200;

export class ApiProblem extends Error {
  readonly kind: ProblemKind;
  /** One for each thing that is wrong. */
  readonly messages: readonly string[];
  readonly headers: Record<string, string>;

  constructor(
    kind: ProblemKind,
    message: string | readonly string[],
    headers: Record<string, string> = {},
  ) {
    const messages = typeof message === "string" ? [plain(message)] : message;
    super(messages.join("; "));
    this.name = "ApiProblem";
    this.kind = kind;
    this.messages = messages;
    this.headers = headers;
  }
}

/** @param messages each begins with its field's path, where it concerns one (config/issues) */
export function invalid(...messages: readonly string[]): ApiProblem {
  return new ApiProblem("invalid-request", messages);
}

/** Renders what a handler has thrown. A RegistryError, of authentication or of an upstream, becomes a problem by its status; any
 * other error is a fault of this code, logged whole and reported without its message. */
export function problemResponse(error: unknown): Response {
  if (error instanceof ApiProblem)
    return rendered(error.kind, PROBLEMS[error.kind].status, error.messages, error.headers);
  const { status, message, headers } = asRegistryError(error);
  return rendered(kindOf(status), status, [message], headers);
}

function kindOf(status: number): ProblemKind {
  const kinds = Object.keys(PROBLEMS) as ProblemKind[];
  const usual = kinds.find((kind) => PROBLEMS[kind].status === status);
  return usual ?? (status < 500 ? "invalid-request" : "internal-error");
}

function rendered(
  kind: ProblemKind,
  status: number,
  messages: readonly string[],
  headers: Record<string, string>,
): Response {
  const listed = bounded(messages);
  const problem: ProblemAnswer = {
    type: problemType(kind),
    title: PROBLEMS[kind].title,
    status,
    detail: listed.join("; "),
    errors: listed.map((message) => ({
      message,
      ...(kind === "invalid-request" && fieldIn(message)),
    })),
  };
  return new Response(`${jsonText(problem, 2)}\n`, {
    status,
    headers: { "Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store", ...HARMLESS, ...headers },
  });
}

/** The path that a message about a field begins with. */
function fieldIn(message: string): { field?: string } {
  const field = /^([\w-][\w.[\]-]*): /.exec(message)?.[1];
  return field === undefined ? {} : { field };
}

/** The first messages, up to both limits, and how many more there are. */
function bounded(messages: readonly string[]): string[] {
  const listed: string[] = [];
  let left = MAX_DETAIL;
  for (const message of messages.slice(0, MAX_ERRORS)) {
    if (left <= 0) break;
    listed.push(message.length > left ? `${message.slice(0, left)}…` : message);
    left -= message.length;
  }
  const more = messages.length - listed.length;
  return more > 0 ? [...listed, `and ${more} more`] : listed;
}
