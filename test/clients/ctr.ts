// ctr, containerd's client, on a containerd of our own: pulls into namespaces that share nothing.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Options, run, type Said } from "./command.ts";
import type { Image } from "./images.ts";
import { startContainerd } from "./processes.ts";

/** The namespace of what was pulled from the upstream itself. */
export const DIRECT = "direct";

export class Ctr {
  readonly socket: string;
  readonly snapshotter: string;

  constructor(socket: string, snapshotter: string) {
    this.socket = socket;
    this.snapshotter = snapshotter;
  }

  run(namespace: string, args: string[], options: Options = {}): Promise<Said> {
    return run("ctr", ["--address", this.socket, "--namespace", namespace, ...args], options);
  }

  /** @param flags such as `--hosts-dir` */
  pull(namespace: string, name: string, flags: string[], options: Options = {}): Promise<Said> {
    const all = ["--snapshotter", this.snapshotter, ...flags];
    return this.run(namespace, ["images", "pull", ...all, name], options);
  }

  async digest(namespace: string, name: string): Promise<string | undefined> {
    const { output } = await this.run(namespace, ["images", "list", `name==${name}`]);
    return /sha256:[0-9a-f]{64}/.exec(output)?.[0];
  }
}

/** @param direct an image by the upstream's own name */
export async function startCtr(folder: string, direct: string): Promise<Ctr> {
  const { socket } = await startContainerd(folder);
  // overlayfs does not work on every file system; copying does.
  const overlay = new Ctr(socket, "overlayfs");
  try {
    await overlay.pull(DIRECT, direct, ["--plain-http"]);
    return overlay;
  } catch {
    const native = new Ctr(socket, "native");
    await native.pull(DIRECT, direct, ["--plain-http"]);
    return native;
  }
}

/** What a hosts.toml says of one registry. */
export interface Hosts {
  /** The URL that is asked first; one that holds /v2 is taken as it is (`override_path`). */
  mirror: string;
  /** The URL that is asked where the mirror fails. */
  server?: string;
  /** Sent along to the mirror. */
  authorization?: string;
}

/** What cannot answer: a request that goes past the mirror fails. */
export const NOBODY = "http://127.0.0.1:1";

/** Writes a folder of hosts.toml, by registry; gives the flags that have ctr use it. */
export async function hostsDir(folder: string, registries: Record<string, Hosts>) {
  for (const [registry, { mirror, server = NOBODY, authorization }] of Object.entries(registries)) {
    await mkdir(join(folder, registry), { recursive: true });
    const lines = [
      `server = "${server}"`,
      `[host."${mirror}"]`,
      'capabilities = ["pull", "resolve"]',
      ...(mirror.includes("/v2") ? ["override_path = true"] : []),
      ...(authorization
        ? [`[host."${mirror}".header]`, `Authorization = ["${authorization}"]`]
        : []),
    ];
    await writeFile(join(folder, registry, "hosts.toml"), `${lines.join("\n")}\n`);
  }
  return ["--hosts-dir", folder];
}

export function nameOf(registry: string, { repository, tag }: Image): string {
  return `${registry}/${repository}:${tag}`;
}
