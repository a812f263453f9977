// The memory of a process group's workerd processes, read from /proc while something happens.

import { readdir, readFile } from "node:fs/promises";

/** How often it is looked, in ms. */
const PERIOD = 100;

export interface Memory {
  /** The largest sum that was seen, in bytes. */
  peak: number;
  /** Before anything happened, in bytes. */
  before: number;
}

/** @param group the process group's leader */
export async function memoryDuring(group: number, act: () => Promise<void>): Promise<Memory> {
  const pids = await workerdsOf(group);
  if (pids.length === 0) throw new Error("there is no workerd to look at");
  const before = await resident(pids);
  let peak = before;
  const look = async () => {
    peak = Math.max(peak, await resident(pids));
  };
  const timer = setInterval(look, PERIOD);
  try {
    await act();
    await look();
  } finally {
    clearInterval(timer);
  }
  return { peak, before };
}

async function workerdsOf(group: number): Promise<number[]> {
  const all = (await readdir("/proc")).map(Number).filter(Boolean);
  const own = await Promise.all(all.map(async (pid) => (await isWorkerdOf(group, pid)) && pid));
  return own.filter((pid) => pid !== false);
}

async function isWorkerdOf(group: number, pid: number): Promise<boolean> {
  // pid (name) state parent group …
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const [, name, of] = /^\d+ \((.*)\) \S \d+ (\d+) /.exec(stat) ?? [];
  return name === "workerd" && Number(of) === group;
}

/** Pages that processes share are counted once (PSS). */
async function resident(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
      return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
