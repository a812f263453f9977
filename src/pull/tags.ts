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
  const n = asked.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new RegistryError("PAGINATION_NUMBER_INVALID", "n must be a number of tags");
  }
  const query = new URLSearchParams(asked);
  query.delete("ns");
  // "When n is zero, this endpoint MUST return an empty list" (distribution-spec), which not every registry does.
  const none = n !== null && Number(n) === 0;
  if (none) query.set("n", "1");
  const { body, next } = await readPage(source, await house.upstream.tags(source, query));
  if (none) return { tags: [] };
  const tags = Array.isArray(body.tags) ? body.tags : [];
  return {
    tags: tags.filter((tag): tag is string => typeof tag === "string" && isTag(tag)),
    ...(next && { next }),
  };
}
