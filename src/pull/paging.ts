// Which page of a list a client asks for, as its key and as its upstream's query.

import { RegistryError } from "../oci/error.ts";

/** More entries are not asked for at once: what is left over is the next page. */
const MOST_ENTRIES = 10_000;
/** Of the whole query, in characters, and of what it holds: no registry's paging has more. */
const LONGEST = 8_192;
const MOST_PARAMETERS = 8;
/** What is ours, or another part of the request's. */
const OWN = ["ns", "artifactType"];

export interface Paging {
  /** How many entries are wanted at most. */
  limit: number;
  last: string | null;
  /** In one order, so that it is one key. What the specification does not know is handed on as well: registries page by names of their
   * own (Quay's `next_page`), which came out of their Link. */
  query: URLSearchParams;
}

/** Throws PAGINATION_NUMBER_INVALID (400) for an `n` that is no number, and UNSUPPORTED (400) for more than is ever asked. */
export function pagingOf(asked: URLSearchParams): Paging {
  const given = new Map<string, string>();
  for (const [name, value] of asked) {
    if (!OWN.includes(name) && !given.has(name)) given.set(name, value);
  }
  const limit = limitOf(given.get("n"));
  // "When n is zero, this endpoint MUST return an empty list" (distribution-spec), which not every registry does.
  if (given.has("n")) given.set("n", String(Math.max(1, Math.min(limit, MOST_ENTRIES))));
  const query = new URLSearchParams([...given]);
  query.sort();
  if (given.size > MOST_PARAMETERS || query.toString().length > LONGEST)
    throw new RegistryError("UNSUPPORTED", "this query is longer than that of any page", {
      status: 400,
    });
  return {
    limit: given.has("n") ? Math.min(limit, MOST_ENTRIES) : limit,
    last: given.get("last") ?? null,
    query,
  };
}

function limitOf(n: string | undefined): number {
  if (n === undefined) return Number.POSITIVE_INFINITY;
  if (/^\d{1,9}$/.test(n)) return Number(n);
  throw new RegistryError("PAGINATION_NUMBER_INVALID", "n must be a number of entries");
}
