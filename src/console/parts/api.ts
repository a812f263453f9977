// API client of the pages: calls the admin API within this isolate, with the credentials of the page's request.

import type { ProblemAnswer } from "../../api/problem.ts";

/** A refusal by the API, with its messages. */
export class Refused extends Error {
  readonly status: number;
  /** One message for each error. */
  readonly problems: readonly string[];

  constructor(status: number, problems: readonly string[]) {
    super(problems.join("; "));
    this.status = status;
    this.problems = problems;
  }
}

type Query = Record<string, string | number | undefined>;

/** What a request that changes something sends. */
interface Sent {
  readonly query?: Query;
  /** Sent as JSON; a string is sent unchanged. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** @param path including the query */
type Ask = (path: string, init: RequestInit) => Promise<Response>;

/** All methods throw `Refused`. Paths are those of the OpenAPI document, without `/api`. */
export class Api {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async get<T>(path: string, query: Query = {}): Promise<T> {
    return this.#answered(await this.#ask(`/api${withQuery(path, query)}`, {}));
  }

  async send<T>(
    method: "POST" | "PUT" | "DELETE",
    path: string,
    { query = {}, body, headers = {} }: Sent = {},
  ): Promise<T> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const init = { method, headers, ...(body !== undefined && { body: text }) };
    return this.#answered(await this.#ask(`/api${withQuery(path, query)}`, init));
  }

  /** Returns the text of a page for curl: `/setup/<client>`. */
  async text(path: string, query: Query = {}): Promise<string> {
    const response = await this.#ask(withQuery(path, query), {});
    if (!response.ok) throw await refusedBy(response);
    return response.text();
  }

  async #answered<T>(response: Response): Promise<T> {
    if (!response.ok) throw await refusedBy(response);
    return response.json();
  }
}

/** Returns a refusal instead of throwing it, for pages that show it beside their form. */
export async function orRefused<T>(answer: Promise<T>): Promise<T | Refused> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

/** Appends a query to a path. Undefined and empty values are left out. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? path : `${path}?${text}`;
}

/** The messages of a problem (RFC 9457), or of a registry error. */
async function refusedBy(response: Response): Promise<Refused> {
  const text = await response.text();
  const problems: string[] = [];
  try {
    const { errors, detail } = JSON.parse(text) as Partial<ProblemAnswer>;
    problems.push(...(errors ?? []).map(({ message }) => message));
    if (problems.length === 0 && detail !== undefined) problems.push(detail);
  } catch {
    // not JSON: the status is reported instead
  }
  return new Refused(
    response.status,
    problems.length > 0 ? problems : [`the API answered ${response.status}`],
  );
}
