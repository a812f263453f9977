// docker-registry's log as a journal: what the upstream was asked for.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

export interface Asked {
  method: string;
  path: string;
  status: number;
  /** Bytes of the body that the upstream wrote. */
  written: number;
  agent: string;
}

export class AccessLog {
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** What has been asked since the log began, once nothing has been added for a while: a request is logged at its end. */
  async all(): Promise<Asked[]> {
    const quiet = 400;
    let text = await readFile(this.file, "utf8");
    for (;;) {
      await sleep(quiet);
      const now = await readFile(this.file, "utf8");
      if (now.length === text.length) return read(now);
      text = now;
    }
  }

  /** What is asked while `act` runs. */
  async during(act: () => Promise<void>): Promise<Asked[]> {
    const before = (await this.all()).length;
    await act();
    return (await this.all()).slice(before);
  }
}

function read(text: string): Asked[] {
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

export function render(asked: Asked[]): string {
  return asked
    .map(({ method, path, status, written }) => `${method} ${path} ${status} ${written}`)
    .join("\n");
}
