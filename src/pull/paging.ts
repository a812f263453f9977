// Paging of lists: the page a client asks for, as cache key and upstream query. Each distinct page costs an upstream request, a
// Durable Object and a KV key, so clients choose with `n` and `last` alone; other parameters and their order are ignored.
// Registries' own parameters (Quay's `next_page`) are honoured only in a Link that the upstream issued, proved by a seal
// (http/registry/list-pages).

import { RegistryError } from "../oci/error.ts";

/** Maximum number of entries per page; the rest is left to the next page. */
const MAX_ENTRIES = 10_000;
/** Maximum length of a client's query, in characters, and maximum number of its parameters. No registry's paging needs more. */
const MAX_QUERY_LENGTH = 8_192;
const MAX_PARAMETERS = 8;
/** Parameters of our own, or of other parts of the request. */
export const SEAL = "entrepot-page";
const RESERVED_PARAMETERS = ["ns", "artifactType", SEAL];

/** Referrers are paged by Link only (distribution-spec, "Listing Referrers"), so clients choose no page of them. */
export type ListKind = "tags" | "referrers";

export interface Paging {
  /** Maximum number of entries wanted. */
  limit: number;
  last: string | null;
  /** In canonical order, so that equal pages share one cache key. */
  query: string;
}

/** The page that a client asks for. Throws PAGINATION_NUMBER_INVALID (400) for a non-numeric `n` and UNSUPPORTED (400) for an
 * oversized query. */
export function chosenPage(kind: ListKind, query: URLSearchParams): Paging {
  if (new Set(query.keys()).size > MAX_PARAMETERS || query.toString().length > MAX_QUERY_LENGTH)
    throw new RegistryError("UNSUPPORTED", "the query is too long for a page of a list", {
      status: 400,
    });
  return choice(kind, query);
}

function choice(kind: ListKind, query: URLSearchParams): Paging {
  const chosen = new URLSearchParams();
  const [n, last] = kind === "tags" ? [query.get("n"), query.get("last") || null] : [null, null];
  const limit = limitOf(n);
  if (last !== null) chosen.set("last", last);
  // "When n is zero, this endpoint MUST return an empty list" (distribution-spec), which not every registry does.
  if (n !== null) chosen.set("n", String(Math.max(1, limit)));
  return { limit, last, query: chosen.toString() };
}

/** The page that an upstream's Link leads to, with all its parameters. */
export function linkedPage(next: URLSearchParams): Paging {
  const query = new URLSearchParams(next);
  for (const name of RESERVED_PARAMETERS) query.delete(name);
  query.sort();
  const n = query.get("n") ?? "";
  const limit = isNumber(n) ? Number(n) : Number.POSITIVE_INFINITY;
  return { limit, last: query.get("last"), query: query.toString() };
}

/** Whether a client could have asked for the page that a Link leads to. */
export function isChoice(kind: ListKind, next: URLSearchParams): boolean {
  if (!isNumber(next.get("n") ?? "0")) return false;
  return choice(kind, next).query === linkedPage(next).query;
}

function limitOf(n: string | null): number {
  if (n === null) return Number.POSITIVE_INFINITY;
  if (isNumber(n)) return Math.min(Number(n), MAX_ENTRIES);
  throw new RegistryError("PAGINATION_NUMBER_INVALID", "n must be a non-negative integer");
}

function isNumber(n: string): boolean {
  return /^\d{1,9}$/.test(n);
}
