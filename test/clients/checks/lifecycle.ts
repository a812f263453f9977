// The lifecycle: images pulled by skopeo, the cron's time moved on, and the disk that shrinks.

import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../command.ts";
import { expectEqual } from "../expect.ts";
import { BUSYBOX, type Image, INDEX, SCHEMA2 } from "../images.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";

const DAY = 24 * 60 * 60_000;

interface Preview {
  examined: number;
  images: { name: string; tags: string[]; reason: string }[];
  bytesFreed: number;
  bytes: number;
}

interface Run {
  expired: { policy: string; images: number }[];
  revived: number;
  deleted: { images: number; blobs: number };
  bytesFreed: number;
  error?: string;
}

export async function checkLifecycle(stage: Stage, report: Report): Promise<void> {
  const { folder } = stage;
  const entrepot = await stage.startEntrepot("lifecycle");
  // R2's objects; its own notes of them are in a database beside, which grows.
  const state = join(folder, "lifecycle", "state", "v3", "r2", "entrepot-blobs", "blobs");
  const url = `http://${entrepot.address}`;
  const copied = async ({ repository, tag }: Image, to: string) => {
    const from = `docker://${entrepot.address}/up/${repository}:${tag}`;
    const target = `dir:${join(folder, `lifecycle-${to}`)}`;
    await run("skopeo", ["copy", "-q", "--src-tls-verify=false", "--all", from, target]);
  };
  const lifecycle = async <T>(...args: string[]): Promise<T> => {
    const all = ["src/cli/entrepot.ts", "lifecycle", ...args, "--url", url, "--json"];
    return JSON.parse((await run(process.execPath, all)).stdout.toString());
  };
  /** The cron, as if it were that much later. */
  const swept = async (later: number): Promise<Run> => {
    const at = `${url}/cdn-cgi/handler/scheduled?time=${Date.now() + later}`;
    const response = await fetch(at);
    expectEqual("status of the cron", response.status, 200);
    const { runs } = await lifecycle<{ runs: Run[] }>("runs", "--n", "1");
    return runs[0] as Run;
  };

  await report.check("skopeo's pulls are known, and nothing of them expires today", async () => {
    for (const image of [BUSYBOX, INDEX, SCHEMA2]) await copied(image, "first");
    const preview = await lifecycle<Preview>("preview");
    expectEqual("images", preview.examined, 3);
    expectEqual("expiring", preview.images.length, 0);
    expectEqual("freed", preview.bytesFreed, 0);
  });

  await report.check("a policy is previewed before it is put in force", async () => {
    const file = join(folder, "policy.json");
    const selection = {
      tagStatus: "any",
      countType: "totalSizeMoreThan",
      countUnit: "gigabytes",
      countNumber: 1e-9,
    };
    const rules = [{ rulePriority: 1, selection, action: { type: "expire" } }];
    await writeFile(file, JSON.stringify({ rules, protect: [`${BUSYBOX.repository}:*`] }));
    const preview = await lifecycle<Preview>("preview", "--policy", file);
    const names = preview.images.map(({ name, tags }) => `${name}:${tags}`).sort();
    const expected = [INDEX, SCHEMA2]
      .map(({ repository, tag }) => `up/${repository}:${tag}`)
      .sort();
    expectEqual("expiring", names.join(), expected.join());
  });

  await report.check("after 91 days all is marked; what is pulled then stays", async () => {
    const before = await sizeOf(state);
    const run = await swept(91 * DAY);
    expectEqual("marked", run.expired.map(({ images }) => images).join(), "3");
    expectEqual("freed", run.bytesFreed, 0);
    await copied(BUSYBOX, "again");
    await told(async () => {
      const { events } = await lifecycle<{ events: { what: string }[] }>("events", "--n", "1");
      return events[0]?.what === "revived";
    });
    const next = await swept(92 * DAY);
    expectEqual("error", next.error, undefined);
    expectEqual("deleted", next.deleted.images, 2);
    await copied(BUSYBOX, "offline");
    const now = await sizeOf(state);
    expectEqual("bytes that left the disk", before - now, next.bytesFreed);
  });

  await report.check("a catalog that is lost is made anew", async () => {
    const show = async () => {
      const all = ["src/cli/entrepot.ts", "catalog", "show", "--url", url, "--json"];
      const {
        counts: _,
        reconciledAt: __,
        ...known
      } = JSON.parse((await run(process.execPath, all)).stdout.toString());
      return JSON.stringify(known);
    };
    const known = await show();
    await run(process.execPath, ["src/cli/entrepot.ts", "catalog", "rebuild", "--url", url]);
    expectEqual("known", await show(), known);
  });

  await report.check("and a grace later nothing is left", async () => {
    await swept(191 * DAY);
    const run = await swept(193 * DAY);
    expectEqual("deleted", run.deleted.images, 1);
    await swept(195 * DAY);
    const { bytes } = await lifecycle<Preview>("preview");
    expectEqual("bytes", bytes, 0);
    expectEqual("bytes on the disk", await sizeOf(state), 0);
    for (const image of [BUSYBOX, INDEX]) await copied(image, "anew");
  });
  await entrepot.kill();
}

/** A pull is told behind its answer, within ten seconds. */
async function told(isKnown: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 30; tries++) {
    if (await isKnown()) return;
    await sleep(400);
  }
  throw new Error("the catalog was not told");
}

/** Of a folder's files, in bytes. */
async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(
    names.map(async (name) => {
      const file = await stat(join(folder, name)).catch(() => undefined); // gone meanwhile
      return file?.isFile() ? file.size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
