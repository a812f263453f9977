// Which page of a list is asked for, as its key and as its upstream's query. Every page that is asked for is a request to the upstream,
// an object and a key of KV: so a client chooses with `n` and `last` alone, and no other parameter is heeded, in whatever number and
// order they come. Registries page by names of their own, too (Quay's `next_page`): those are heeded where the upstream itself has handed
// them out in a Link, which a seal proves (http/list-pages).

import { RegistryError } from "../oci/error.ts";

/** More entries are not asked for at once: what is left over is the next page. */
const MOST_ENTRIES = 10_000;
/** Of a client's whole query, in characters, and of what it holds: no registry's paging has more. */
const MAX_QUERY = 8_192;
const MOST_PARAMETERS = 8;
/** What is ours, or another part of the request's. */
export const SEAL = "entrepot-page";
const OWN = ["ns", "artifactType", SEAL];

/** Referrers are paged by Link alone (distribution-spec, "Listing Referrers"): of those a client chooses no page. */
export type ListKind = "tags" | "referrers";

export interface Paging {
  /** How many entries are wanted at most. */
  limit: number;
  last: string | null;
  /** In one order, so that it is one key. */
  query: string;
}

/** The page that a client chooses. Throws PAGINATION_NUMBER_INVALID (400) for an `n` that is no number, and UNSUPPORTED (400) for a query
 * that is longer than any. */
export function chosenPage(kind: ListKind, asked: URLSearchParams): Paging {
  if (new Set(asked.keys()).size > MOST_PARAMETERS || asked.toString().length > MAX_QUERY)
    throw new RegistryError("UNSUPPORTED", "this query is longer than that of any page", {
      status: 400,
    });
  return choice(kind, asked);
}

function choice(kind: ListKind, asked: URLSearchParams): Paging {
  const chosen = new URLSearchParams();
  const [n, last] = kind === "tags" ? [asked.get("n"), asked.get("last") || null] : [null, null];
  const limit = limitOf(n);
  if (last !== null) chosen.set("last", last);
  // "When n is zero, this endpoint MUST return an empty list" (distribution-spec), which not every registry does.
  if (n !== null) chosen.set("n", String(Math.max(1, limit)));
  return { limit, last, query: chosen.toString() };
}

/** The page that an upstream's Link leads to, with all that it says. */
export function linkedPage(next: URLSearchParams): Paging {
  const query = new URLSearchParams(next);
  for (const name of OWN) query.delete(name);
  query.sort();
  const n = query.get("n") ?? "";
  const limit = isNumber(n) ? Number(n) : Number.POSITIVE_INFINITY;
  return { limit, last: query.get("last"), query: query.toString() };
}

/** Whether a client could have chosen the page that a Link leads to. */
export function isChoice(kind: ListKind, next: URLSearchParams): boolean {
  if (!isNumber(next.get("n") ?? "0")) return false;
  return choice(kind, next).query === linkedPage(next).query;
}

function limitOf(n: string | null): number {
  if (n === null) return Number.POSITIVE_INFINITY;
  if (isNumber(n)) return Math.min(Number(n), MOST_ENTRIES);
  throw new RegistryError("PAGINATION_NUMBER_INVALID", "n must be a number of entries");
}

function isNumber(n: string): boolean {
  return /^\d{1,9}$/.test(n);
}
