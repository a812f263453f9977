// The sweep over ten thousand images and over a hundred thousand, with ten references each: time, memory and subrequests of a run that
// marks half of them, and of those that then delete them.

import { setTimeout as sleep } from "node:timers/promises";
import { memoryDuring } from "../residents.ts";
import { megabytes, type Row, seconds, times } from "../rows.ts";
import type { Stage } from "../stage.ts";

const FEW = 10_000;
const MANY = 100_000;
const BATCH = 1_000;
/** Ten times the images may take so much more than ten times the time, and still count as linear. */
const SLACK = 1.5;

interface Run {
  examined: number;
  expired: { images: number }[];
  deleted: { images: number; blobs: number };
  subrequests: number;
  unfinished: boolean;
  error?: string;
}

interface Swept {
  marking: number;
  deleting: number;
  runs: Run[];
  peak: number;
  idle: number;
}

export async function sweep(stage: Stage): Promise<Row[]> {
  const few = await swept(stage, FEW);
  await stage.strike();
  const many = await swept(stage, MANY);
  const growth = MANY / FEW;
  const row = (what: string, of: (one: Swept) => number): Row => {
    const ratio = of(many) / of(few);
    return {
      what: `${what}, ${MANY} images, ${10 * MANY} references`,
      entrepot: seconds(of(many)),
      beside: `${FEW} images: ${seconds(of(few))}`,
      ratio: times(ratio, "time"),
      aim: { text: "linear", met: ratio <= growth * SLACK },
      samples: { few: [of(few)], many: [of(many)] },
    };
  };
  const most = Math.max(...many.runs.map(({ subrequests }) => subrequests));
  const memory = (many.peak - many.idle) / (few.peak - few.idle);
  return [
    row("A sweep that marks half", ({ marking }) => marking),
    row("The sweeps that delete them", ({ deleting }) => deleting),
    {
      what: "Memory of workerd during the sweeps",
      entrepot: `${megabytes(many.peak)} (idle: ${megabytes(many.idle)})`,
      beside: `${FEW} images: ${megabytes(few.peak)}`,
      ratio: times(memory, "memory"),
      samples: { few: [few.idle, few.peak], many: [many.idle, many.peak] },
    },
    {
      what: "Subrequests, of the run with the most",
      entrepot: String(most),
      beside: `${many.runs.length} runs: ${many.runs.map(({ subrequests }) => subrequests).join(", ")}`,
      ratio: "",
      aim: { text: "below 100000", met: most < 100_000 },
      samples: { many: many.runs.map(({ subrequests }) => subrequests) },
    },
  ];
}

async function swept(stage: Stage, images: number): Promise<Swept> {
  const server = await stage.sweeper();
  for (let from = 0; from < images; from += BATCH)
    await answer(`${server.url}/seed?from=${from}&to=${from + BATCH}`);
  const runs: Run[] = [];
  let marking = 0;
  let deleting = 0;
  const { peak, before } = await memoryDuring(server.pid, async () => {
    marking = await timed(async () => {
      runs.push(await run(server.url, images, 1));
    });
    deleting = await timed(async () => {
      while (runs.length === 1 || runs.at(-1)?.unfinished)
        runs.push(await run(server.url, images, 3));
    });
  });
  const [first] = runs;
  const marked = first?.expired.reduce((sum, one) => sum + one.images, 0);
  const deleted = runs.reduce((sum, one) => sum + one.deleted.images, 0);
  if (first?.examined !== images || marked !== images / 2 || deleted !== images / 2)
    throw new Error(`not all was swept: ${JSON.stringify(runs)}`);
  return { marking, deleting, runs, peak, idle: before };
}

async function run(url: string, images: number, days: number): Promise<Run> {
  await answer(`${url}/sweep?images=${images}&days=${days}`);
  for (;;) {
    const response = await answer(`${url}/swept`);
    if (response.status === 204) {
      await sleep(100);
      continue;
    }
    const told = (await response.json()) as Run;
    if (told.error) throw new Error(told.error);
    return told;
  }
}

async function answer(url: string): Promise<Response> {
  const response = await fetch(url, { signal: AbortSignal.timeout(900_000) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response;
}

/** In s. */
async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
