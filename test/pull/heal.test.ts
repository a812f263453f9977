// A segment that is missing in R2, or not as long as it must be, is fetched again while the client is being served.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { seedOf } from "../support/fixture.ts";
import { MiB, receive } from "../support/transfers.ts";

const { BLOBS } = env as unknown as Env;
const cache = new Cache();
const SEGMENT = 8 * MiB;

/** Where there is no edge cache: what is missing in R2 might be there. */
const pull = (path: string) => cache.fetch(path, {}, "heal.workers.dev");

describe.each([
  ["is gone", (key: string) => BLOBS.delete(key)],
  ["is too short", (key: string) => BLOBS.put(key, "short")],
])("a segment that %s", (_, damage) => {
  it.each([1, 2])(
    "(number %i) is fetched again, and the client gets the whole blob",
    async (number) => {
      const name = repository("mended");
      const { digest } = await fixture.blob(name, { seed: seedOf(name), size: 3 * SEGMENT });
      const path = `open/${name}/blobs/${digest}`;
      await receive(pull(path));
      const { objects } = await BLOBS.list({ prefix: `blobs/sha256/${digest.slice(7)}/` });
      const { key } = objects.find((object) => object.key.endsWith(`/00000${number}`)) as R2Object;
      await damage(key);

      const before = (await fixture.requests({ repository: name })).length;
      expect(await receive(pull(path))).toMatchObject({ whole: true, digest });
      const requests = (await fixture.requests({ repository: name })).slice(before);
      expect(requests.map(({ range }) => range)).toEqual([
        `bytes=${number * SEGMENT}-${(number + 1) * SEGMENT - 1}`,
      ]);
      expect((await receive(pull(path))).cacheStatus).toBe("entrepot-r2; hit");
    },
  );
});

it("a segment that is fetched again before the answer starts counts as a miss", async () => {
  const name = repository("mended-first");
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size: SEGMENT + 1000 });
  const path = `open/${name}/blobs/${digest}`;
  await receive(pull(path));
  const { objects } = await BLOBS.list({ prefix: `blobs/sha256/${digest.slice(7)}/` });
  await BLOBS.delete(objects.map(({ key }) => key));
  const headers = { Range: `bytes=${SEGMENT}-` };
  const range = await receive(cache.fetch(path, { headers }, "heal.workers.dev"));
  expect(range).toMatchObject({ size: 1000, cacheStatus: "entrepot; fwd=uri-miss; stored" });
});

it("a head that is too short is fetched again too", async () => {
  const name = repository("mended-head");
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size: 1000 });
  const path = `open/${name}/blobs/${digest}`;
  await receive(pull(path));
  const key = `blobs/sha256/${digest.slice(7)}`;
  const { customMetadata } = (await BLOBS.head(key)) as R2Object;
  await BLOBS.put(key, "short", { customMetadata: customMetadata ?? {} });
  expect(await receive(pull(path))).toMatchObject({ whole: true, digest });
});
