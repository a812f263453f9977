// List page: from KV while fresh; otherwise through the list's Durable Object, which asks the upstream once for all waiting
// clients.

import { timed } from "../meter/steps.ts";
import type { ListAsked, ListPage, ReferrersFrom } from "../store/lists.ts";
import type { CacheStatus } from "./cache-status.ts";
import { askingOf } from "./pull.ts";
import type { RepositoryRequest } from "./request.ts";
import { ageOf, insteadOf, type Labelled } from "./stale.ts";

export interface PulledList extends Labelled {
  entries: unknown[];
  next?: URLSearchParams;
  /** For referrers: whether they came from the referrers API or the fallback tag. */
  from?: ReferrersFrom;
}

export async function pullList(
  { services, source, pull }: RepositoryRequest,
  list: ListAsked,
): Promise<PulledList> {
  const { listTtl } = source.rule;
  const known = await timed(pull.steps, "read", services.lists.get(source, list));
  if (known && !pull.noCache && pull.now - known.checkedAt < listTtl) {
    return { ...contentOf(known), status: { hit: "kv" }, age: ageOf(known.checkedAt, pull.now) };
  }
  const asking = services.fills.list(source, list, askingOf(pull));
  const { page, how, failure } = await timed(pull.steps, "fill", asking);
  const content = contentOf(page);
  const age = ageOf(page.checkedAt, pull.now);
  if (failure)
    return {
      ...content,
      ...insteadOf(failure, "serving the list as of", page.checkedAt, pull.now),
    };
  if (how === "found") return { ...content, status: { hit: "object" }, age };
  const status: CacheStatus = {
    fwd: known ? "stale" : "uri-miss",
    stored: how === "started",
    collapsed: how === "joined",
  };
  return { ...content, status, age };
}

function contentOf({
  entries,
  next,
  from,
}: ListPage): Pick<PulledList, "entries" | "next" | "from"> {
  const query = next !== undefined && { next: new URLSearchParams(next) };
  return { entries, ...query, ...(from && { from }) };
}
