// Reconciliation: a paged pass over R2 that makes the catalog adopt what it does not know and forget what is gone. Continues
// where the last run stopped.

import type { Progress } from "../catalog/sweep/contract.ts";
import { factOf } from "../fill/shared/outbox.ts";
import type { SweepContext } from "./context.ts";

type Pass = NonNullable<Progress["pass"]>;

/** Maximum number of manifests read concurrently for adoption. */
const MAX_CONCURRENT_READS = 6;

export interface Reconciled {
  adopted: number;
  forgotten: number;
}

/** Processes one page. `now` is the sweep's time in ms since the epoch. Returns the updated pass; undefined at its end. */
export async function reconcilePage(
  context: SweepContext,
  pass: Pass,
  now: number,
): Promise<{ pass: Pass | undefined } & Reconciled> {
  switch (pass.stage) {
    case "manifests":
      return pageOfManifests(context, pass, now);
    case "tags":
      return pageOfTags(context, pass);
    case "blobs":
      return pageOfBlobs(context, pass, now);
  }
}

async function pageOfManifests(
  { inventory, catalog, manifests }: SweepContext,
  pass: Pass,
  now: number,
) {
  const { startedAt } = pass;
  const { items: seen, next, from: after, upTo } = await inventory.manifests(pass.after);
  const page = { after, upTo, startedAt, seen };
  const { unknown, forgotten } = await catalog.seeManifests(page);
  let adopted = 0;
  for (let at = 0; at < unknown.length; at += MAX_CONCURRENT_READS) {
    const some = await Promise.all(
      unknown.slice(at, at + MAX_CONCURRENT_READS).map(async (digest) => {
        const stored = await manifests.getStored(digest);
        if (!stored) return 0; // deleted since it was listed
        const fact = factOf(stored, stored.place ?? "", false);
        await catalog.tellManifest({ ...fact, cachedAt: stored.storedAt, adoptedAt: now });
        return 1;
      }),
    );
    adopted += some.filter((one) => one === 1).length;
  }
  return { pass: following(pass, next, "tags"), adopted, forgotten };
}

async function pageOfTags({ inventory, catalog }: SweepContext, pass: Pass) {
  const { startedAt } = pass;
  const { items, next, from: after, upTo } = await inventory.tags(pass.after);
  const seen = items.map(({ recordedAt: at, ...tag }) => ({ ...tag, at }));
  const page = { after, upTo, startedAt, seen };
  return { pass: following(pass, next, "blobs"), ...(await catalog.seeTags(page)) };
}

async function pageOfBlobs({ inventory, catalog }: SweepContext, pass: Pass, now: number) {
  const { startedAt } = pass;
  const { items, segments, next, from: after, upTo } = await inventory.blobs(pass.after);
  const seen = items.map(({ publishedAt: cachedAt, ...blob }) => ({ ...blob, cachedAt }));
  const page = { after, upTo, startedAt, seen };
  const result = await catalog.seeBlobs({ ...page, segments, now });
  return { pass: following(pass, next, undefined), ...result };
}

function following(
  pass: Pass,
  next: string | undefined,
  stage: Pass["stage"] | undefined,
): Pass | undefined {
  if (next !== undefined) return { ...pass, after: next };
  return stage && { ...pass, stage, after: "" };
}
