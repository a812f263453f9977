// Processes of the run: each leads a group of its own, and ends with all that it has started.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkout } from "../support/checkout.ts";

export const ROOT = join(import.meta.dirname, "../..");

/** In ms: bundling on a busy machine takes a while. */
const START_TIMEOUT = 60_000;
/** How long a group may take to put its own temporary files away, in ms. */
const END_TIMEOUT = 5_000;

export interface Server {
  /** Without a slash at its end. */
  url: string;
  /** The leader of its process group. */
  pid: number;
  end(): Promise<void>;
}

const groups = new Map<number, ChildProcess>();

process.on("exit", () => {
  for (const pid of groups.keys()) signal(pid);
});
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => process.exit(1));
}

/** Resolves once `url` + `path` answers, whatever the status.
 * @param folder where it may leave files; what it says is in `log` there */
export async function launch(
  command: string,
  args: string[],
  { url, path = "/", folder }: { url: string; path?: string; folder: string },
): Promise<Server> {
  const logFile = join(folder, "log");
  const log = openSync(logFile, "a");
  const env = {
    ...process.env,
    TMPDIR: folder,
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_SEND_METRICS: "false",
  };
  const child = spawn(command, args, {
    cwd: checkout(folder),
    env,
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  child.on("error", () => {}); // told below
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} cannot be started; is it installed?`);
  groups.set(pid, child);
  try {
    await answering(`${url}${path}`, child);
  } catch (error) {
    await end(pid);
    const said = (await readFile(logFile, "utf8")).trimEnd().split("\n").slice(-15).join("\n");
    throw new Error(`${command}: ${(error as Error).message}; it said:\n${said}`);
  }
  return { url, pid, end: () => end(pid) };
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error(`no answer within ${START_TIMEOUT} ms`);
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      await response.body?.cancel();
      return;
    } catch {
      await sleep(100); // not listening yet
    }
  }
}

async function end(pid: number): Promise<void> {
  if (!groups.has(pid)) return;
  const deadline = performance.now() + END_TIMEOUT;
  signal(pid, "SIGTERM");
  while (signal(pid, 0)) {
    if (performance.now() > deadline) signal(pid);
    await sleep(50);
  }
  groups.delete(pid);
}

/** False when the group is no more. */
function signal(pid: number, what: NodeJS.Signals | 0 = "SIGKILL"): boolean {
  try {
    return process.kill(-pid, what);
  } catch {
    return false;
  }
}

export function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
