// The lifecycle as the cron and the API see it.

import type { SweepContext } from "./context.ts";
import type { Lifecycle } from "./contract.ts";
import { preview } from "./preview.ts";
import { Running } from "./running.ts";
import { reconcile, sweep } from "./sweep.ts";

export function openLifecycle(context: SweepContext): Lifecycle {
  return {
    preview: (asked, now) => preview(context, asked, now),
    async sweep({ trigger, force }, now) {
      const begun = await context.catalog.begin(trigger, now);
      return begun && sweep(context, begun, force, now);
    },
    async rebuild(fresh, now) {
      const begun = await context.catalog.begin("rebuild", now);
      if (!begun) return undefined;
      if (fresh) await context.catalog.reset();
      // What is begun anew is not gone on with where the last pass stopped.
      const run = new Running(context, fresh ? { ...begun, progress: {} } : begun, now, STRETCH);
      const isUnderWay = run.progress.pass !== undefined;
      await run.step("reconciling", () => reconcile(run, fresh || !isUnderWay));
      const { error, adopted } = await run.end();
      const stage = run.progress.pass?.stage;
      return {
        done: stage === undefined,
        adopted,
        ...(stage && { stage }),
        ...(error && { error }),
      };
    },
  };
}

/** A rebuilding is called for again and again: each call answers within a client's patience. */
const STRETCH = { subrequests: 5_000, time: 20_000 };
