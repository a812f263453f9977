// Runs one client to its end, within a time limit, and keeps what it said.

import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface Said {
  stdout: Buffer;
  /** Both streams, as a person would have seen them. */
  output: string;
}

export interface Options {
  env?: Record<string, string>;
  /** In ms. */
  timeout?: number;
  /** Ends the client, with SIGKILL. */
  signal?: AbortSignal;
}

/** Throws with the end of the client's output when it fails, or does not end in time. */
export function run(command: string, args: string[], options: Options = {}): Promise<Said> {
  const { env, timeout = 60_000, signal } = options;
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    timeout,
    killSignal: "SIGKILL",
    ...(signal && { signal }),
  });
  const stdout: Buffer[] = [];
  const both: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout.push(chunk);
    both.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => both.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, killed) => {
      const output = Buffer.concat(both).toString();
      if (code === 0) return resolve({ stdout: Buffer.concat(stdout), output });
      const how = killed ? `was ended by ${killed} (limit ${timeout} ms)` : `ended with ${code}`;
      reject(new Error(`${[command, ...args].join(" ")}\n${how}:\n${tail(output)}`));
    });
  });
}

/** The last lines: there is the reason. */
export function tail(output: string, lines = 15): string {
  return output.trimEnd().split("\n").slice(-lines).join("\n");
}

export function isInstalled(command: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false; // not in this folder
    }
  });
}
