// The servers: docker-registry, containerd, dockerd and Entrepot, each ready when its promise resolves.

import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { AccessLog, readRegistryLog, readWranglerLog } from "./access-log.ts";
import { run } from "./command.ts";
import { launch, ready, type Server } from "./groups.ts";

export interface Registry extends Server {
  log: AccessLog;
}

export interface RegistryOptions {
  /** The file with the accounts, for a registry behind Basic auth. */
  htpasswd?: string;
  /** Of one that was ended, and comes back. */
  address?: string;
  /** Clients may delete. */
  deletes?: boolean;
}

/** @param storage kept between runs */
export async function startRegistry(
  folder: string,
  storage: string,
  { htpasswd, address: known, deletes = false }: RegistryOptions = {},
): Promise<Registry> {
  await mkdir(folder, { recursive: true });
  const address = known ?? (await freeAddress());
  const config = {
    version: "0.1",
    // A line of JSON for every request; the access log in Apache's format is left out.
    log: { level: "info", formatter: "json", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: deletes } },
    // Foreign layers may be named.
    validation: { manifests: { urls: { allow: ["^https://"] } } },
    // Uploads go on at the address that the client knows the registry by.
    http: { addr: address, relativeurls: true },
    ...(htpasswd && { auth: { htpasswd: { realm: "locked", path: htpasswd } } }),
  };
  const file = join(folder, "config.yml");
  await writeFile(file, JSON.stringify(config)); // JSON is YAML
  const server = launch("docker-registry", ["serve", file], join(folder, "log"), address);
  await ready(server, () => answers(`http://${address}/v2/`, [htpasswd ? 401 : 200]), 10_000);
  return { ...server, log: new AccessLog(server.logFile, readRegistryLog) };
}

export interface Containerd extends Server {
  socket: string;
}

/** A containerd of our own: nothing of the machine's is touched. */
export async function startContainerd(folder: string): Promise<Containerd> {
  await mkdir(folder, { recursive: true });
  const socket = join(folder, "containerd.sock");
  const file = join(folder, "config.toml");
  await writeFile(
    file,
    `version = 2
root = "${join(folder, "root")}"
state = "${join(folder, "state")}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${socket}"
[ttrpc]
address = "${socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "${join(folder, "opt")}"
# Otherwise one namespace would find another's blobs, and pull nothing.
[plugins."io.containerd.metadata.v1.bolt"]
content_sharing_policy = "isolated"
`,
  );
  const server = launch("containerd", ["--config", file], join(folder, "log"), socket);
  await ready(server, () => succeeds("ctr", ["--address", socket, "version"]), 15_000);
  return { ...server, socket };
}

/** A dockerd of our own, on a containerd of our own.
 * @param mirror the URL that Docker Hub's images are pulled from */
export async function startDockerd(
  folder: string,
  containerd: string,
  mirror: string,
): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "daemon.json");
  const config = {
    "registry-mirrors": [mirror],
    "data-root": join(folder, "data"),
    "exec-root": join(folder, "exec"),
    pidfile: join(folder, "pid"),
    "deprecated-key-path": join(folder, "key.json"),
    "storage-driver": "vfs",
    containerd,
    // Nothing of the machine's network is touched.
    bridge: "none",
    iptables: false,
    ip6tables: false,
    "ip-forward": false,
  };
  await writeFile(file, JSON.stringify(config));
  const address = `unix://${join(folder, "docker.sock")}`;
  // In a mount namespace of its own: what it mounts is gone with it, however it ends.
  const args = ["--mount", "dockerd", "--config-file", file, "--host", address];
  const server = launch("unshare", args, join(folder, "log"), address);
  await ready(server, () => succeeds("docker", ["--host", address, "version"]), 15_000);
  return server;
}

/** A rule as users write it: the fields that the checks use. */
export interface Rule {
  prefix?: string;
  default?: boolean;
  shadow?: boolean;
  host?: string;
  ns?: string;
  upstream: string;
  upstreamPrefix?: string;
  credentials?: string;
  tagTtl?: string;
  listTtl?: string;
  negativeTtl?: string;
  offline?: boolean;
  firstByteTimeout?: string;
  networks?: string[];
  secretHost?: string;
  anonymous?: boolean;
}

/** Entrepot as its users start it. The same folder again: the same storage.
 * @param variables and secrets by name
 * @param before its address then; what is at the edge belongs to a host name */
export async function startEntrepot(
  folder: string,
  variables: { RULES: Rule[]; [name: string]: unknown },
  before?: string,
): Promise<Registry> {
  await mkdir(folder, { recursive: true });
  const address = before ?? (await freeAddress());
  // Several that start at once would all take wrangler's first port for its inspector.
  const inspector = ["--inspector-port", portOf(await freeAddress())];
  const own = ["--port", portOf(address), "--persist-to", join(folder, "state"), ...inspector];
  const args = ["start", "--", ...own];
  for (const [name, value] of Object.entries(variables)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    args.push("--var", `${name}:${text}`);
  }
  const server = launch("npm", args, join(folder, "log"), address);
  // 401 of one that wants to know who asks.
  await ready(server, () => answers(`http://${address}/v2/`, [200, 401]), 60_000);
  return { ...server, log: new AccessLog(server.logFile, readWranglerLog) };
}

async function answers(url: string, statuses: number[]): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return statuses.includes(response.status);
  } catch {
    return false; // not listening yet
  }
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  return run(command, args, { timeout: 5_000 }).then(
    () => true,
    () => false, // not listening yet
  );
}

/** Below the ports that the system gives to outgoing connections: one that is free stays free. */
const PORTS = { first: 20_000, count: 12_000 };
let tried = (process.pid * 61) % PORTS.count;

/** Nothing listens there now, and no other call is given it. */
export async function freeAddress(): Promise<string> {
  for (let at = 0; at < PORTS.count; at++) {
    const port = PORTS.first + (tried++ % PORTS.count);
    if (await isFree(port)) return `127.0.0.1:${port}`;
  }
  throw new Error("no port is free");
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}
