// The fills' alarms, which come by themselves where time is real.

import { listDurableObjectIds, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Env } from "../../src/env.ts";

const { BLOB_FILL, MANIFEST_FILL, TAG_FILL } = env as unknown as Env;

/** Runs all that are set. @returns how many there were */
export async function alarms(): Promise<number> {
  let ran = 0;
  for (const namespace of [BLOB_FILL, MANIFEST_FILL, TAG_FILL]) {
    const objects = namespace as DurableObjectNamespace<never>;
    for (const id of await listDurableObjectIds(objects))
      if (await runDurableObjectAlarm(objects.get(id))) ran += 1;
  }
  return ran;
}
