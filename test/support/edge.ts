// The edge cache as tests see it: blobs that are pulled through a city, and what of them is cached there.

import { env } from "cloudflare:workers";
import type { Env } from "../../src/env.ts";
import { untouchable } from "./bindings.ts";
import { type Cache, fixture, repository } from "./cache.ts";
import { seedOf } from "./fixture.ts";
import { MiB, type Received, receive } from "./transfers.ts";

const { BLOBS, META } = env as unknown as Env;

export const SEGMENT = 8 * MiB;
export const CITY = "cache.example";
/** Overrides of a cache that must do without R2. */
export const noBlobs = { BLOBS: untouchable("R2") };

/** Two segments, unless the size says otherwise. */
export async function blob(hint: string, size = SEGMENT + 77) {
  const name = repository(hint);
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size });
  return { name, digest, path: `open/${name}/blobs/${digest}` };
}

/** Pulls it to its end, and waits for what goes on behind. */
export async function pull(
  cache: Cache,
  path: string,
  headers: Record<string, string> = {},
  host = CITY,
): Promise<Received> {
  const received = await receive(cache.fetch(path, { headers }, host));
  await cache.settled();
  return received;
}

export async function headOf(digest: string): Promise<R2Object> {
  return (await BLOBS.head(`blobs/sha256/${digest.slice(7)}`)) as R2Object;
}

/** The URL that a segment is kept under in a city. */
export async function urlOf(digest: string, number: number, host = CITY): Promise<string> {
  return `https://${host}/segment/${digest}/${(await headOf(digest)).version}/${number}`;
}

/** How many bytes of each segment are at the edge; undefined where it is not. */
export async function atEdge(
  digest: string,
  segments: number,
  host = CITY,
): Promise<(number | undefined)[]> {
  const cache = await caches.open("entrepot");
  const numbers = Array.from({ length: segments }, (_, number) => number);
  const urls = await Promise.all(numbers.map((number) => urlOf(digest, number, host)));
  return Promise.all(
    urls.map(async (url) => (await (await cache.match(url))?.arrayBuffer())?.byteLength),
  );
}

/** Deletes a blob: its head, segments and KV record. */
export async function remove(digest: string): Promise<void> {
  const { objects } = await BLOBS.list({ prefix: `blobs/sha256/${digest.slice(7)}` });
  await BLOBS.delete(objects.map(({ key }) => key));
  await META.delete(`blob:${digest}`);
}
