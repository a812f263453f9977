// Collection: deletes what is condemned in an order that leaves no visible reference to missing content: tags, then manifests
// (parents first), then blobs. After a crash, the next run deletes the rest.

import type { Condemned, ContentKind, Doomed, Removal } from "../catalog/sweep/contract.ts";
import type { Running } from "./running.ts";

/** Page size of catalog queries, and number of concurrent deletions: at most six connections may wait for an answer
 * (guide/platform, "Notes on the runtime"). */
const PAGE_SIZE = 300;
const MAX_CONCURRENT_DELETES = 6;

export async function collect(run: Running): Promise<void> {
  const { context, now } = run;
  const before = now - context.config.lifecycleGrace;
  await run.step("deleting tags", () => tags(run));
  // A manifest whose tag remains because it is being checked is not condemned.
  if (!run.goesOnAtAll) return;
  await run.step("deleting content", async () => {
    await context.catalog.dateOrphans(now);
    await contents(run, "manifest", before);
    await contents(run, "blob", before);
    await context.catalog.dateOrphans(now); // items that became orphans here get a grace of their own
  });
  await run.step("deleting segments", () => segments(run, before));
}

async function tags(run: Running): Promise<void> {
  const { catalog } = run.context;
  const seen = new Set<string>();
  for (;;) {
    const page = await catalog.doomed(PAGE_SIZE);
    const doomed = page.filter(({ place, tag }) => !seen.has(`${place}:${tag}`));
    if (doomed.length === 0 || !(await run.goesOn())) return;
    await inTurns(doomed, (tag) => {
      seen.add(`${tag.place}:${tag.tag}`);
      return run.attempt(`${tag.place}:${tag.tag}`, () => removeTag(run, tag));
    });
  }
}

async function removeTag(run: Running, doomed: Doomed): Promise<void> {
  const { catalog, fills } = run.context;
  const outcome = await fills.removeTag(doomed);
  if (outcome === "busy") return; // being checked: left to the next run
  const isWanted = await catalog.tagGone(doomed, outcome === "gone", run.now, run.id);
  if (!isWanted) return;
  const { place, tag, digest } = doomed;
  await fills.restoreTag(place, tag, { digest, checkedAt: 0 });
}

/** Repeats until nothing is due, since deleting one item may make others due. */
async function contents(run: Running, kind: ContentKind, before: number): Promise<void> {
  const { catalog } = run.context;
  while (await run.goesOn()) {
    const condemned = await catalog.condemn(kind, before, PAGE_SIZE);
    if (condemned.length === 0) return;
    const removals: Removal[] = [];
    await inTurns(condemned, async (one) => {
      removals.push(await remove(run, one));
    });
    await catalog.removed(removals, run.now, run.id);
  }
}

async function remove(run: Running, one: Condemned): Promise<Removal> {
  const { fills } = run.context;
  // The default outcome reschedules an item that could not be deleted, so that it does not block the others.
  let removal: Removal = { ...one, outcome: "busy", found: true };
  await run.attempt(one.digest, async () => {
    const removed =
      one.kind === "manifest"
        ? await fills.removeManifest(one.digest)
        : await fills.removeBlob(one.digest);
    removal = { ...one, ...removed };
  });
  return removal;
}

async function segments(run: Running, before: number): Promise<void> {
  const { catalog, fills } = run.context;
  const seen = new Set<string>();
  for (;;) {
    const page = await catalog.leftovers(before, PAGE_SIZE);
    const left = page.filter(({ digest, attempt }) => !seen.has(`${digest} ${attempt}`));
    if (left.length === 0 || !(await run.goesOn())) return;
    await inTurns(left, (one) => {
      seen.add(`${one.digest} ${one.attempt}`);
      return run.attempt(one.digest, async () => {
        const bytes = await fills.removeAttempt(one.digest, one.attempt);
        await catalog.leftoverGone(one, bytes, run.now, run.id);
      });
    });
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += MAX_CONCURRENT_DELETES)
    await Promise.all(items.slice(at, at + MAX_CONCURRENT_DELETES).map(work));
}
