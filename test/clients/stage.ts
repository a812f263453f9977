// The stage: all that runs while the checks do, and where each image is found there.

import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Server } from "./groups.ts";
import { ACCOUNT, type Images, makeAccounts, makeImages } from "./images.ts";
import { type Pager, startPager } from "./pager.ts";
import { type Registry, type Rule, startEntrepot, startRegistry } from "./processes.ts";

export interface Stage {
  /** Of this run, removed at its end. */
  folder: string;
  images: Images;
  /** The upstreams. */
  open: Registry;
  locked: Registry;
  /** The open one again, with pages of tags; its prefix is `paged`. */
  paged: Pager;
  entrepot: Server;
  /** Another Entrepot on the same upstreams; the same name again: on the same storage. */
  startEntrepot(name: string): Promise<Server>;
  /** Of every Entrepot that was started. */
  logFiles: Set<string>;
}

/** Where the images, and the registries' storage, are kept between runs. */
const KEPT = join(tmpdir(), "entrepot-clients");

/** @param folder of this run */
export async function setStage(folder: string): Promise<Stage> {
  await mkdir(KEPT, { recursive: true });
  const accounts = join(KEPT, "htpasswd");
  await makeAccounts(accounts);
  const [open, locked] = await Promise.all([
    startRegistry(join(folder, "open"), join(KEPT, "open")),
    startRegistry(join(folder, "locked"), join(KEPT, "locked"), accounts),
  ]);
  const images = await makeImages({ folder: KEPT, open: open.address, locked: locked.address });
  const paged = await startPager(open.address);
  const rules: Rule[] = [
    { prefix: "up", upstream: `http://${open.address}` },
    { prefix: "locked", upstream: `http://${locked.address}`, credentials: "LOCKED" },
    { prefix: "paged", upstream: `http://${paged.address}` },
  ];
  const logFiles = new Set<string>();
  const start = async (name: string) => {
    const server = await startEntrepot({
      folder: join(folder, name),
      rules,
      secrets: { LOCKED: ACCOUNT },
    });
    logFiles.add(server.logFile);
    return server;
  };
  const entrepot = await start("entrepot");
  return { folder, images, open, locked, paged, entrepot, startEntrepot: start, logFiles };
}
