// Process groups: started, awaited until they are ready, and ended with all that they have started in turn.

import { type ChildProcess, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { tail } from "./command.ts";

export interface Server {
  /** Host and port. */
  address: string;
  /** What it said, on both streams. */
  logFile: string;
  isRunning(): boolean;
  /** Ends the process group at once, with what it has started. Safe to call twice. */
  kill(): Promise<void>;
}

/** Whatever runs; the end of the run ends it too, however that comes. */
const groups = new Map<number, ChildProcess>();

export async function killAll(): Promise<void> {
  await Promise.all([...groups.values()].map(killGroup));
}

process.on("exit", () => {
  for (const pid of groups.keys()) signalGroup(pid);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.exit(1));
}

/** @param address what to call it by */
export function launch(command: string, args: string[], logFile: string, address: string): Server {
  const log = openSync(logFile, "a");
  // Its own process group, so that what it starts is ended with it.
  const child = spawn(command, args, { stdio: ["ignore", log, log], detached: true });
  child.on("error", () => {}); // told by ready()
  if (child.pid !== undefined) groups.set(child.pid, child);
  const isRunning = () => child.exitCode === null && child.signalCode === null && !!child.pid;
  return { address, logFile, isRunning, kill: () => killGroup(child) };
}

async function killGroup(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || !groups.delete(pid)) return;
  signalGroup(pid);
  await until(() => !isGroupAlive(pid), 5_000, `process group ${pid} did not end`);
}

function signalGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // it has ended already
  }
}

function isGroupAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Polls `test`; throws with the end of the server's log when it ends, or `timeout` ms have passed. */
export async function ready(
  server: Server,
  test: () => Promise<boolean>,
  timeout: number,
): Promise<void> {
  const settled = async () => !server.isRunning() || (await test());
  try {
    await until(settled, timeout, `${server.address} was not ready after ${timeout} ms`);
    if (!server.isRunning()) throw new Error(`${server.address} ended at once`);
  } catch (error) {
    await server.kill();
    const said = tail(await readFile(server.logFile, "utf8"));
    throw new Error(`${(error as Error).message}; it said:\n${said}`);
  }
}

/** Polls; throws when `timeout` ms have passed. */
async function until(
  test: () => boolean | Promise<boolean>,
  timeout: number,
  complaint: string,
): Promise<void> {
  const end = Date.now() + timeout;
  while (!(await test())) {
    if (Date.now() > end) throw new Error(complaint);
    await sleep(50);
  }
}
