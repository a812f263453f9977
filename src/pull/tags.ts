// Tag list: the upstream's, page by page, while fresh. If the upstream fails, the last known list, or the tags cached here.

import { RegistryError } from "../oci/error.ts";
import { mayServeStale } from "../policy/fresh.ts";
import { unasked } from "../upstream/client/offline.ts";
import { pullList } from "./list.ts";
import type { Paging } from "./paging.ts";
import { permitName } from "./permit.ts";
import type { RepositoryRequest } from "./request.ts";
import type { Labelled } from "./stale.ts";

export interface PulledTags extends Labelled {
  tags: string[];
  next?: URLSearchParams;
}

export async function pullTags(
  request: RepositoryRequest,
  { limit, last, query }: Paging,
): Promise<PulledTags> {
  permitName(request.source);
  let listed: Awaited<ReturnType<typeof pullList>>;
  try {
    listed = await pullList(request, { list: "tags", query });
  } catch (error) {
    const cached = await cachedTags(request, error);
    if (!cached) throw error;
    return limit === 0
      ? { ...cached, tags: [] }
      : { ...cached, ...ownPage(cached.tags, limit, last) };
  }
  const { entries, next, ...label } = listed;
  if (limit === 0) return { ...label, tags: [] };
  const tags = entries as string[];
  return { ...label, ...(next ? { tags, next } : ownPage(tags, limit, last)) };
}

/** The tags pulled through this cache; undefined if there are none or the upstream is not down. */
async function cachedTags(
  { services, source, pull }: RepositoryRequest,
  error: unknown,
): Promise<(Labelled & { tags: string[] }) | undefined> {
  if (!(error instanceof RegistryError)) return undefined;
  const { rule } = source;
  const { now } = pull;
  if (!rule.offline && !(isDown(error) && mayServeStale(now, rule, error, now))) return undefined;
  const tags = (await services.tags.known(source))
    .filter(({ gone }) => !gone)
    .map(({ tag }) => tag);
  if (tags.length === 0) return undefined;
  const { message } = rule.offline ? unasked(rule) : error;
  const warning = `${message}; serving the tags cached here`;
  return { tags, status: { instead: error.upstreamStatus }, warning };
}

/** Whether the upstream is unreachable or failing. Cached tags are only part of its list, so they never replace a list that a
 * working upstream refuses or formats differently. */
function isDown({ status, code, upstreamStatus }: RegistryError): boolean {
  if (status < 500 || code !== "UNAVAILABLE") return false;
  return upstreamStatus === undefined || (upstreamStatus >= 500 && upstreamStatus !== 501);
}

/** Pages a list without a next page. It is the last page, or the whole list: some registries (docker-registry 2.8) ignore `n` and
 * `last`, so where that shows, the list is sorted and paged here. */
function ownPage(
  tags: string[],
  limit: number,
  last: string | null,
): Pick<PulledTags, "tags" | "next"> {
  // Only a page that contains the `last` tag itself proves that it was ignored: some registries use opaque tokens as `last`, and
  // others list the newest tags first.
  const ignored = last !== null && tags.includes(last);
  if (last !== null && !ignored && tags.length <= limit) return { tags };
  const sorted = tags.toSorted();
  const rest = ignored ? sorted.filter((tag) => tag > last) : sorted;
  const page = rest.slice(0, limit);
  if (page.length === rest.length) return { tags: page };
  return {
    tags: page,
    next: new URLSearchParams({ n: String(limit), last: page.at(-1) as string }),
  };
}
