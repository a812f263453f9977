// Sweep: reconciles, marks expiring images, removes images whose grace has ended, and deletes unreferenced content. Bounded; the
// next run continues where one stopped.

import type { RunBegun, RunReport } from "../catalog/sweep/contract.ts";
import { collect } from "./collect.ts";
import type { SweepContext } from "./context.ts";
import { coverageOf } from "./coverage.ts";
import { type EvaluatedPlace, type Expiring, evaluatedPlaces } from "./evaluated.ts";
import { Reach } from "./reach.ts";
import { reconcilePage } from "./reconcile.ts";
import { Running } from "./running.ts";

/** Interval between full passes over R2, in ms of real time. */
const PASS_INTERVAL = 24 * 60 * 60_000;
const DUE_PAGE_SIZE = 500;

/** Runs one sweep. `now`, in ms since the epoch, decides what is old; `force` assumes that every upstream could deliver
 * everything again. */
export async function sweep(
  context: SweepContext,
  begun: RunBegun,
  force: boolean,
  now: number,
): Promise<RunReport> {
  const run = new Running(context, begun, now);
  const reach = new Reach(run.context.upstream, force);
  await run.step("reconciling", () => reconcile(run));
  await run.step("evaluating", () => evaluate(run, reach));
  // Unadopted content may refer to known content, so nothing is deleted before one complete pass.
  if (run.progress.passedAt !== undefined) {
    await run.step("removing expired images", () => take(run, reach));
    await collect(run);
  }
  await run.step("trimming", () => run.context.catalog.trim(now));
  return run.end();
}

/** Makes a pass over R2 if the last one started a day ago. */
export async function reconcile(run: Running, fresh = false): Promise<void> {
  const { progress, counts } = run;
  const clock = Date.now();
  const isDue = fresh || clock - (progress.passedAt ?? Number.NEGATIVE_INFINITY) >= PASS_INTERVAL;
  if (!progress.pass && isDue) progress.pass = { startedAt: clock, stage: "manifests", after: "" };
  while (progress.pass && (await run.goesOn())) {
    const { startedAt } = progress.pass;
    const { pass, adopted, forgotten } = await reconcilePage(run.context, progress.pass, run.now);
    counts.adopted += adopted;
    counts.forgotten += forgotten;
    if (pass) progress.pass = pass;
    else {
      delete progress.pass;
      progress.passedAt = startedAt;
    }
  }
}

async function evaluate(run: Running, reach: Reach): Promise<void> {
  const { context, progress } = run;
  const evaluation = {
    catalog: context.catalog,
    coverageOf: (place: string) => coverageOf(context.config, place),
    now: run.now,
    steps: { left: Number.POSITIVE_INFINITY },
  };
  for await (const evaluated of evaluatedPlaces(evaluation, progress.place ?? "")) {
    run.counts.examined += evaluated.examined;
    await run.attempt(evaluated.place, () => mark(run, reach, evaluated));
    if (evaluated.isInOrder) progress.place = evaluated.place;
    if (!(await run.goesOn())) return;
  }
  delete progress.place; // the next run starts from the first place
}

async function mark(run: Running, reach: Reach, evaluated: EvaluatedPlace): Promise<void> {
  const { place, coverage, expiring } = evaluated;
  const [first] = expiring;
  const obstacle = first && (await reach.obstacle(place, coverage, first.image.digest));
  // Existing marks stay while the policy still expires the image.
  const marking = obstacle
    ? expiring.filter(({ image }) => image.expiredAt !== undefined)
    : expiring;
  if (obstacle) run.waits(obstacle, expiring.length);
  const marks = marking.map(({ image, ...why }: Expiring) => {
    return { digest: image.digest, touched: image.touched, ...why };
  });
  const { marked } = await run.context.catalog.mark(place, marks, run.now, run.id);
  for (const one of marked) run.expired(one);
}

/** Removes images whose grace has ended from their places, if their upstream could deliver them again even now. */
async function take(run: Running, reach: Reach): Promise<void> {
  const { catalog, config } = run.context;
  const before = run.now - config.lifecycleGrace;
  let due = await catalog.due(before, undefined, DUE_PAGE_SIZE);
  while (due.length > 0 && (await run.goesOn())) {
    for (const [place, images] of Map.groupBy(due, (one) => one.place)) {
      await run.attempt(place, async () => {
        const [first] = images as [(typeof images)[0]];
        const obstacle = await reach.obstacle(place, coverageOf(config, place), first.digest);
        if (!obstacle) await catalog.take(images, before, run.now, run.id);
      });
    }
    due = await catalog.due(before, due.at(-1), DUE_PAGE_SIZE);
  }
}
