// The query of a request to the API: what is not known is refused, since it would be taken for heeded.

import { RegistryError } from "../oci/error.ts";

/** Throws (400) for a parameter that is not one of these. */
export function only({ url }: Request, names: readonly string[]): URLSearchParams {
  const query = new URL(url).searchParams;
  for (const name of query.keys()) {
    if (!names.includes(name))
      throw bad(`there is no parameter "${name.slice(0, 64)}" here, only ${names.join(", ")}`);
  }
  return query;
}

export function flagIn(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || value === "false" || value === "0") return false;
  if (value === "true" || value === "1" || value === "") return true;
  throw bad(`${name} must be true or false`);
}

export function numberIn(
  query: URLSearchParams,
  name: string,
  usual: number,
  most: number,
): number {
  const text = query.get(name);
  if (text === null) return usual;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw bad(`${name} must be a number from 1 to ${most}`);
  return number;
}

/** Of a list whose latest entries come first: how many are wanted, and behind which. */
export function pageIn(request: Request): { limit: number; before: number | undefined } {
  const query = only(request, ["n", "before"]);
  const limit = numberIn(query, "n", 100, 1000);
  const before = query.has("before")
    ? numberIn(query, "before", 0, Number.MAX_SAFE_INTEGER)
    : undefined;
  return { limit, before };
}

/** Where the page after this one is, and the header that says so; neither where it is the last.
 * @param path of the list */
export function nextOf(
  path: string,
  page: readonly { id: number }[],
  limit: number,
): { next: { next?: string }; headers: Record<string, string> } {
  const last = page.at(-1);
  if (!last || page.length < limit) return { next: {}, headers: {} };
  const next = `${path}?n=${limit}&before=${last.id}`;
  return { next: { next }, headers: { Link: `<${next}>; rel="next"` } };
}

function bad(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", message, { status: 400 });
}
