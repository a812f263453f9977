// Images in the cache under test as its lifecycle sees them: pulled whole, looked for, and swept by a clock of the test's.

import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { openCatalog } from "../../src/catalog/open.ts";
import type { RunReport } from "../../src/catalog/sweep/contract.ts";
import type { Env } from "../../src/env.ts";
import type { Cache } from "./cache.ts";
import type { Image, ManifestInfo } from "./fixture.ts";

const bindings = env as unknown as Env;
export const catalog = openCatalog(bindings);
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** As a client pulls an image by its tag, with all its blobs. */
export async function pullWhole(
  cache: Cache,
  name: string,
  tag: string,
  image: Image,
): Promise<void> {
  const manifest = await cache.bytes(`${name}/manifests/${tag}`);
  expect(manifest).toEqual(image.bytes);
  await pullBlobs(cache, name, image);
  await cache.settled();
}

/** As a client pulls a child of an index. */
export async function pullChild(cache: Cache, name: string, image: Image): Promise<void> {
  await cache.bytes(`${name}/manifests/${image.digest}`);
  await pullBlobs(cache, name, image);
  await cache.settled();
}

async function pullBlobs(cache: Cache, name: string, { config, layers }: Image): Promise<void> {
  for (const { digest, size } of [config, ...layers]) {
    const bytes = await cache.bytes(`${name}/blobs/${digest}`);
    expect(bytes.byteLength).toBe(size);
  }
}

/** What is in R2: keys, and the bytes of all. */
export async function stored(prefix = ""): Promise<{ keys: string[]; bytes: number }> {
  const keys: string[] = [];
  let bytes = 0;
  let cursor: string | undefined;
  do {
    const page = await bindings.BLOBS.list({ prefix, ...(cursor && { cursor }) });
    keys.push(...page.objects.map(({ key }) => key));
    bytes += page.objects.reduce((sum, { size }) => sum + size, 0);
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
  return { keys, bytes };
}

export async function isStored({ digest }: { digest: string }): Promise<boolean> {
  const key = digest.replace(":", "/");
  const heads = await Promise.all(
    ["blobs", "manifests"].map((kind) => bindings.BLOBS.head(`${kind}/${key}`)),
  );
  return heads.some((head) => head !== null);
}

/** All of an image: its manifest, its config and its layers. */
export async function areStored(image: ManifestInfo & Partial<Image>): Promise<boolean[]> {
  const { config, layers = [] } = image;
  return Promise.all([image, ...(config ? [config] : []), ...layers].map(isStored));
}

/** The latest run's report. */
export async function lastRun(): Promise<RunReport> {
  return (await catalog.runs(1))[0] as RunReport;
}

/** As on the first day: a sweep is of all that is cached, and one test's images are not another's. */
export async function clean(): Promise<void> {
  const { keys } = await stored();
  for (let at = 0; at < keys.length; at += 1000)
    await bindings.BLOBS.delete(keys.slice(at, at + 1000));
  for (let cursor: string | undefined; ; ) {
    const page = await bindings.META.list({ ...(cursor && { cursor }) });
    await Promise.all(page.keys.map(({ name }) => bindings.META.delete(name)));
    if (page.list_complete) break;
    cursor = page.cursor;
  }
  await catalog.reset();
}
