// The stage: all that runs while a lane's checks do, and where each image is found there. Lanes share the images and no server.

import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ctr, nameOf, startCtr } from "./ctr.ts";
import { FAULTS, type Fault, startFaulty } from "./faulty.ts";
import { ACCOUNT, BUSYBOX, type Images, makeAccounts, makeImages } from "./images.ts";
import { type Pager, startPager } from "./pager.ts";
import { type Registry, type Rule, startEntrepot, startRegistry } from "./processes.ts";

/** How the open upstream can be named; it is the default rule's too. */
export const UP = { prefix: "up", host: "docker.mirror.example.localhost", ns: "registry.example" };
/** The upstream behind Basic auth. */
export const LOCKED = { prefix: "locked", host: "locked.mirror.example.localhost" };
/** The open upstream's twin, whose tags are stale after a second. */
export const TWIN = { prefix: "twin-images", ns: "twin.example", ttl: 1_000 };
/** A registry that every run starts empty, for what clients push themselves. A name is the same there and here. */
export const FRESH = { prefix: "fresh", ttl: 1_000 };
/** The open upstream by a rule that never asks it. */
export const OFFLINE = { prefix: "offline-images", ns: "offline.example" };

/** Each meets an upstream with a fault for the first time: after some failures Entrepot leaves it alone. */
export const FALLING_BACK = ["ctr", "skopeo", "podman"] as const;
export type FallingBack = (typeof FALLING_BACK)[number];

export interface Stage {
  /** Of this lane, removed at the run's end. */
  folder: string;
  images: Images;
  /** The upstreams. */
  open: Registry;
  locked: Registry;
  /** The open one's images at another address. */
  twin: Registry;
  /** At its address again, once it was killed. */
  restartTwin(): Promise<Registry>;
  /** Empty at first; it lets clients push and delete. */
  fresh: Registry;
  /** The open one again, with pages of tags; its prefix is `paged`. */
  paged: Pager;
  entrepot: Registry;
  ctr: Ctr;
  /** Another Entrepot on the same upstreams; the same name again: on the same storage. */
  startEntrepot(
    name: string,
    variables?: Record<string, unknown>,
    address?: string,
  ): Promise<Registry>;
}

/** How a client names an upstream with this fault. */
export function faultNames(client: FallingBack, fault: Fault): { prefix: string; ns: string } {
  return { prefix: `${client}-${fault}`, ns: `${client}-${fault}.example` };
}

/** Where the images, and the registries' storage, are kept between runs. */
const KEPT = join(tmpdir(), "entrepot-clients");

/** The accounts of the registry behind Basic auth. */
const ACCOUNTS = join(KEPT, "htpasswd");

/** Makes the images where no earlier run has.
 * @param folder of this run */
export async function prepareImages(folder: string): Promise<Images> {
  await mkdir(KEPT, { recursive: true });
  await makeAccounts(ACCOUNTS);
  const [open, locked] = await startKept(join(folder, "images"));
  const images = await makeImages({ folder: KEPT, open: open.address, locked: locked.address });
  await Promise.all([open.kill(), locked.kill()]);
  return images;
}

function startKept(folder: string): Promise<[Registry, Registry]> {
  return Promise.all([
    startRegistry(join(folder, "open"), join(KEPT, "open")),
    startRegistry(join(folder, "locked"), join(KEPT, "locked"), { htpasswd: ACCOUNTS }),
  ]);
}

/** @param folder of this lane
 * @param logFiles to which those of every Entrepot that is started are added */
export async function setStage(
  folder: string,
  images: Images,
  logFiles: Set<string>,
): Promise<Stage> {
  const [[open, locked], fresh] = await Promise.all([
    startKept(folder),
    startRegistry(join(folder, "fresh"), join(folder, "fresh", "storage"), { deletes: true }),
  ]);
  const startTwin = (address?: string) =>
    startRegistry(join(folder, "twin"), join(KEPT, "open"), address ? { address } : {});
  const twin = await startTwin();
  const paged = await startPager(open.address);
  const upstreams = { open, locked, twin, fresh, paged };
  const rules = [...rulesOf(upstreams), ...(await faultyRules())];
  const start = async (name: string, variables: Record<string, unknown> = {}, address?: string) => {
    const all = { RULES: rules, LOCKED: ACCOUNT, ...variables };
    const server = await startEntrepot(join(folder, name), all, address);
    logFiles.add(server.logFile);
    return server;
  };
  const [entrepot, ctr] = await Promise.all([
    start("entrepot"),
    startCtr(join(folder, "containerd"), nameOf(open.address, BUSYBOX)),
  ]);
  const again = { startEntrepot: start, restartTwin: () => startTwin(twin.address) };
  return { folder, images, ...upstreams, entrepot, ctr, ...again };
}

type Upstreams = Record<"open" | "locked" | "twin" | "fresh" | "paged", { address: string }>;

function rulesOf({ open, locked, twin, fresh, paged }: Upstreams): Rule[] {
  const at = ({ address }: { address: string }) => `http://${address}`;
  // Without a dot or a dash they could hide a namespace of the default rule's upstream.
  const shadow = true;
  return [
    { ...UP, shadow, default: true, upstream: at(open) },
    { ...LOCKED, shadow, upstream: at(locked), credentials: "LOCKED" },
    { prefix: "paged", shadow, upstream: at(paged) },
    { prefix: TWIN.prefix, ns: TWIN.ns, upstream: at(twin), tagTtl: `${TWIN.ttl}ms` },
    {
      prefix: FRESH.prefix,
      shadow,
      upstream: at(fresh),
      upstreamPrefix: FRESH.prefix,
      tagTtl: `${FRESH.ttl}ms`,
      listTtl: `${FRESH.ttl}ms`,
      negativeTtl: `${FRESH.ttl}ms`,
    },
    { ...OFFLINE, upstream: at(open), tagTtl: "1s", offline: true },
  ];
}

async function faultyRules(): Promise<Rule[]> {
  const rules: Rule[] = [];
  for (const client of FALLING_BACK) {
    for (const fault of Object.keys(FAULTS) as Fault[]) {
      const { address } = await startFaulty(fault);
      const names = faultNames(client, fault);
      rules.push({ ...names, upstream: `http://${address}`, firstByteTimeout: "1s" });
    }
  }
  return rules;
}
