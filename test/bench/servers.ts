// The servers that are measured, each with a storage of its own: Entrepot, the bare Workers, docker-registry.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, launch, ROOT, type Server } from "./processes.ts";

/** The prefix of the only rule: `/v2/up/<name>` is the upstream's `/v2/<name>`. */
export const PREFIX = "up";

/** No edge cache is there: Entrepot reads R2, and copies nothing. */
export const HOST_WITHOUT_EDGE = "bench.workers.dev.localhost";

/** `bare/<name>.ts` */
export type BareName = "r2" | "kv" | "cache";

/** The same for all Workers: a line for every request is not what is measured. */
const QUIET = ["--log-level", "warn"];

/** Entrepot as `npm start` runs it.
 * @param folder not there yet
 * @param rule fields of the rule, beside prefix and upstream
 * @param auth who may pull; default: every client
 * @param others rules beside it */
export async function startEntrepot(
  folder: string,
  upstream: string,
  rule: Record<string, unknown> = {},
  auth?: object,
  others: object[] = [],
): Promise<Server> {
  const rules = JSON.stringify([{ prefix: PREFIX, upstream, ...rule }, ...others]);
  const said = auth ? ["--var", `AUTH:${JSON.stringify(auth)}`] : [];
  return worker(
    folder,
    join(ROOT, "src/cli/start.ts"),
    ["--var", `RULES:${rules}`, ...said],
    "/v2/",
  );
}

/** The sweep alone, on a catalog of its own. */
export async function startSweeper(folder: string): Promise<Server> {
  const own = join(ROOT, "test/bench/sweep");
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const args = ["dev", "--config", join(own, "wrangler.toml"), "--ip", "127.0.0.1"];
  return worker(folder, wrangler, args, "/");
}

/** A bare Worker, under the same `wrangler dev` as Entrepot. */
export async function startBare(folder: string, name: BareName): Promise<Server> {
  const bare = join(ROOT, "test/bench/bare");
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const args = ["dev", join(bare, `${name}.ts`), "--config", join(bare, "wrangler.toml")];
  return worker(folder, wrangler, [...args, "--ip", "127.0.0.1"], "/");
}

async function worker(
  folder: string,
  script: string,
  args: string[],
  path: string,
): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const own = ["--port", String(port), "--persist-to", join(folder, "state"), ...QUIET];
  const url = `http://127.0.0.1:${port}`;
  return launch(process.execPath, [script, ...args, ...own], { url, path, folder });
}

/** docker-registry as a proxy in front of `upstream`. */
export async function startRegistry(folder: string, upstream: string): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const address = `127.0.0.1:${await freePort()}`;
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "storage") } },
    http: { addr: address },
    proxy: { remoteurl: upstream },
  };
  const file = join(folder, "config.yml");
  await writeFile(file, JSON.stringify(config)); // JSON is YAML
  return launch("docker-registry", ["serve", file], {
    url: `http://${address}`,
    path: "/v2/",
    folder,
  });
}
