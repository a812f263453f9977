// Lifecycle: the operations that the cron and the API call.

import type { SweepContext } from "./context.ts";
import type { Lifecycle } from "./contract.ts";
import { preview } from "./preview.ts";
import { Running } from "./running.ts";
import { reconcile, sweep } from "./sweep.ts";

export function openLifecycle(context: SweepContext): Lifecycle {
  return {
    preview: (options, now) => preview(context, options, now),
    async sweep({ trigger, force }, now) {
      const begun = await context.catalog.begin(trigger, now);
      return begun && sweep(context, begun, force, now);
    },
    async rebuild(fresh, now) {
      const begun = await context.catalog.begin("rebuild", now);
      if (!begun) return undefined;
      if (fresh) await context.catalog.reset();
      // A fresh rebuild does not continue where the last pass stopped.
      const run = new Running(
        context,
        fresh ? { ...begun, progress: {} } : begun,
        now,
        REBUILD_BOUNDS,
      );
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

/** Bounds of one rebuild call, which clients repeat: `time` is in ms and stays within a client's timeout. */
const REBUILD_BOUNDS = { subrequests: 5_000, time: 20_000 };
