// The admin API as the pages ask it: in this isolate, as whoever looks at the page.

/** What the API refuses, with its sentences. */
export class Refused extends Error {
  readonly status: number;
  /** One for each thing that is wrong. */
  readonly problems: readonly string[];

  constructor(status: number, problems: readonly string[]) {
    super(problems.join("; "));
    this.status = status;
    this.problems = problems;
  }
}

type Query = Record<string, string | number | undefined>;
/** @param path with its query */
type Ask = (path: string, init: RequestInit) => Promise<Response>;

/** All methods throw `Refused`. Paths are those of the API's document, without `/api`. */
export class Api {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async get<T>(path: string, query: Query = {}): Promise<T> {
    return this.#answered(await this.#ask(`/api${withQuery(path, query)}`, {}));
  }

  /** @param body as JSON, or a text as it is */
  async send<T>(
    method: "POST" | "PUT" | "DELETE",
    path: string,
    query: Query = {},
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const init = { method, headers, ...(body !== undefined && { body: text }) };
    return this.#answered(await this.#ask(`/api${withQuery(path, query)}`, init));
  }

  /** What is printed for people with curl: `/setup/<client>`. */
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

/** What the API answers, or what it refuses that with, for whoever shows it where it was asked. */
export async function orRefused<T>(asked: Promise<T>): Promise<T | Refused> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

/** A path with its query; what is undefined or empty is left out. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Problems (RFC 9457) of the API have OCI's `errors` beside them, and those are all that a refusal of the registry has. */
async function refusedBy(response: Response): Promise<Refused> {
  const text = await response.text();
  const problems: string[] = [];
  try {
    const { errors = [] } = JSON.parse(text) as { errors?: { message: string }[] };
    problems.push(...errors.map(({ message }) => message));
  } catch {
    // told below
  }
  return new Refused(
    response.status,
    problems.length > 0 ? problems : [`the API answered ${response.status}`],
  );
}
