// Collecting: what is condemned is deleted, in an order in which nothing visible ever points to something missing: tags, then
// manifests, those first that lead to others, then blobs. A crash leaves the rest for the next run.

import type { Condemned, ContentKind, Doomed, Removal } from "../catalog/sweep/contract.ts";
import type { Running } from "./running.ts";

/** How many are asked for at once, and how many of them are deleted at once: six connections may wait for an answer
 * (guide/platform, "Notes on the runtime"). */
const PAGE = 300;
const MAX_CONCURRENT_DELETES = 6;

export async function collect(run: Running): Promise<void> {
  const { context, now } = run;
  const before = now - context.config.lifecycleGrace;
  await run.step("deleting tags", () => tags(run));
  // A manifest whose tag is still there, since that is being checked, is not condemned.
  if (!run.goesOnAtAll) return;
  await run.step("deleting", async () => {
    await context.catalog.dateOrphans(now);
    await contents(run, "manifest", before);
    await contents(run, "blob", before);
    await context.catalog.dateOrphans(now); // what is left of them has a grace of its own
  });
  await run.step("deleting segments", () => segments(run, before));
}

async function tags(run: Running): Promise<void> {
  const { catalog } = run.context;
  const seen = new Set<string>();
  for (;;) {
    const page = await catalog.doomed(PAGE);
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
  if (outcome === "busy") return; // it is being checked: the next run looks again
  const isWanted = await catalog.tagGone(doomed, outcome === "gone", run.now, run.id);
  if (!isWanted) return;
  const { place, tag, digest } = doomed;
  await fills.restoreTag(place, tag, { digest, checkedAt: 0 });
}

/** Until none is due: the end of one may make others due. */
async function contents(run: Running, kind: ContentKind, before: number): Promise<void> {
  const { catalog } = run.context;
  while (await run.goesOn()) {
    const condemned = await catalog.condemn(kind, before, PAGE);
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
  // What could not be deleted gets another date, and does not stand in the way of the others.
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
    const page = await catalog.leftovers(before, PAGE);
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
