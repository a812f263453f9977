// The story of a tag list: the upstream's, page by page.

import { RegistryError } from "../oci/error.ts";
import { isTag } from "../oci/name.ts";
import type { Source } from "../policy/source.ts";
import type { House } from "./house.ts";
import { readPage } from "./listing.ts";

export interface PulledTags {
  tags: string[];
  next?: URLSearchParams;
}

/** @param asked the client's query; whatever pages the upstream (`n`, `last`, Quay's `next_page`) is handed back to it */
export async function pullTags(
  house: House,
  source: Source,
  asked: URLSearchParams,
): Promise<PulledTags> {
  const limit = limitOf(asked.get("n"));
  const query = new URLSearchParams(asked);
  query.delete("ns");
  // "When n is zero, this endpoint MUST return an empty list" (distribution-spec), which not every registry does.
  if (limit === 0) query.set("n", "1");
  const { body, next } = await readPage(source, await house.upstream.tags(source, query));
  if (limit === 0) return { tags: [] };
  const tags = (Array.isArray(body.tags) ? body.tags : []).filter(
    (tag): tag is string => typeof tag === "string" && isTag(tag),
  );
  return next ? { tags, next } : ownPage(tags, limit, asked.get("last"));
}

function limitOf(n: string | null): number {
  if (n === null) return Number.POSITIVE_INFINITY;
  if (/^\d{1,9}$/.test(n)) return Number(n);
  throw new RegistryError("PAGINATION_NUMBER_INVALID", "n must be a number of tags");
}

/** A list without a next page is the last page, or all there is: some registries (docker-registry 2.8) know neither
 * pages nor order, and answer `n` and `last` with everything. Then it is ordered and paged here. */
function ownPage(tags: string[], limit: number, last: string | null): PulledTags {
  const known = last === null || tags.some((tag) => isNotAfter(tag, last));
  if (!known && tags.length <= limit) return { tags };
  const sorted = tags.sort().filter((tag) => last === null || tag > last);
  const page = sorted.slice(0, limit);
  if (page.length === sorted.length) return { tags: page };
  return {
    tags: page,
    next: new URLSearchParams({ n: String(limit), last: page.at(-1) as string }),
  };
}

/** In byte order and without regard to case: registries sort in either way. */
function isNotAfter(tag: string, last: string): boolean {
  return tag <= last && tag.toLowerCase() <= last.toLowerCase();
}
