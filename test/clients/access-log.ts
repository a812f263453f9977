// A registry's log as a journal: what docker-registry, as the upstream, or Entrepot itself was asked for.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

export interface Asked {
  method: string;
  path: string;
  status: number;
  /** Bytes of the body that docker-registry wrote; Entrepot's log does not say. */
  written: number;
  agent: string;
}

export class AccessLog {
  private readonly file: string;
  private readonly read: (text: string) => Asked[];

  /** @param read understands the log */
  constructor(file: string, read: (text: string) => Asked[]) {
    this.file = file;
    this.read = read;
  }

  /** What has been asked since the log began, once nothing has been added for a while: a request is logged at its end. */
  async all(): Promise<Asked[]> {
    const quiet = 400;
    let text = await readFile(this.file, "utf8");
    for (;;) {
      await sleep(quiet);
      const now = await readFile(this.file, "utf8");
      if (now.length === text.length) return this.read(now);
      text = now;
    }
  }

  /** What is asked while `act` runs. */
  async during(act: () => Promise<void>): Promise<Asked[]> {
    return (await duringAll([this], act)).flat();
  }
}

/** What each of them is asked while `act` runs. */
export async function duringAll(logs: AccessLog[], act: () => Promise<void>): Promise<Asked[][]> {
  const all = () => Promise.all(logs.map((log) => log.all()));
  const before = await all();
  await act();
  return (await all()).map((asked, index) => asked.slice(before[index]?.length));
}

export function readRegistryLog(text: string): Asked[] {
  return text.split("\n").flatMap((line) => {
    if (!line.includes('"response completed')) return [];
    const said = JSON.parse(line) as Record<string, string | number | undefined>;
    return [
      {
        method: String(said["http.request.method"]),
        path: String(said["http.request.uri"]),
        status: Number(said["http.response.status"] ?? 0),
        written: Number(said["http.response.written"] ?? 0),
        agent: String(said["http.request.useragent"] ?? ""),
      },
    ];
  });
}

/** What wrangler writes of each request. */
export function readWranglerLog(text: string): Asked[] {
  const lines = text.matchAll(/\[wrangler:info\] ([A-Z]+) (\/\S*) (\d{3}) /g);
  return [...lines].map(([, method = "", path = "", status]) => ({
    method,
    path,
    status: Number(status),
    written: 0,
    agent: "",
  }));
}

export function render(asked: Asked[]): string {
  return asked
    .map(({ method, path, status, written }) => `${method} ${path} ${status} ${written}`)
    .join("\n");
}
