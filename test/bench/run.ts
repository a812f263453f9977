// The benchmark: `npm run bench`, with `-- --only NAME` for one part, `-- --json` for every sample.

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { access } from "./parts/access.ts";
import { cold } from "./parts/cold.ts";
import { crowd } from "./parts/crowd.ts";
import { manifests } from "./parts/manifests.ts";
import { memory } from "./parts/memory.ts";
import { shared } from "./parts/shared.ts";
import { sweep } from "./parts/sweep.ts";
import { throttled } from "./parts/throttled.ts";
import { warm } from "./parts/warm.ts";
import { type Row, table } from "./rows.ts";
import { setStage } from "./stage.ts";

const PARTS = { warm, cold, crowd, manifests, access, throttled, memory, shared, sweep };

const { values } = parseArgs({
  options: { only: { type: "string", multiple: true }, json: { type: "boolean" } },
});
const names = Object.keys(PARTS) as (keyof typeof PARTS)[];
const unknown = values.only?.filter((name) => !(name in PARTS)) ?? [];
if (unknown.length > 0) {
  console.error(`no part ${unknown.join(", ")}; there are ${names.join(", ")}`);
  process.exit(1);
}

const stage = await setStage();
const rows: Row[] = [];
for (const name of names.filter((name) => values.only?.includes(name) ?? true)) {
  const began = performance.now();
  try {
    rows.push(...(await PARTS[name](stage)));
  } catch (error) {
    // A source that is saved during the run is a reason too: wrangler then restarts the Worker.
    console.error(`${name} failed: ${(error as Error).message}`);
    process.exitCode = 1;
  }
  await stage.strike();
  console.error(`${name}: ${Math.round((performance.now() - began) / 1000)} s`);
}
await stage.close();
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, loopback`;
console.log(values.json ? JSON.stringify({ machine, rows }, null, 2) : table(rows));
if (!values.json) console.log(`\nMedians of one run; ${machine}.`);
