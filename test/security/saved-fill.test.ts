// A fill is its own origin's: no other origin goes on with what a broken one has stored, or waits for what a hostile one brings.

import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import type { BlobFillMethods } from "../../src/fill/contract.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { objectOf } from "../../src/platform/rpc.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { MiB, receive } from "../support/transfers.ts";

const { BLOB_FILL } = env as unknown as Env;

afterEach(() => {
  vi.restoreAllMocks();
});

function twoOrigins(): Cache {
  const path = apartPath();
  return new Cache({
    RULES: [
      { prefix: "private", upstream: fixture.url("basic") + path, credentials: "ROBOT" },
      { prefix: "evil", upstream: fixture.url("open") + path },
    ],
  });
}

/** A private blob of three segments, whose fill has stored the first and failed. */
async function broken(cache: Cache, seed: number) {
  const owner = repository("broken");
  const blob = { seed, size: 20 * MiB };
  const { digest } = await fixture.blob(owner, blob);
  await fixture.fault({
    match: { repository: owner, kind: "blob", method: "GET" },
    times: 1,
    do: { cutAfter: 9 * MiB, ignoreRange: true },
  });
  await fixture.fault({
    match: { repository: owner, kind: "blob", method: "GET" },
    times: 0,
    do: { status: 500 },
  });
  expect((await receive(cache.fetch(`private/${owner}/blobs/${digest}`))).whole).toBe(false);
  return { owner, digest, blob };
}

describe("what a broken fill has stored", () => {
  it("is not given to another origin, which has to bring the bytes from the first on", async () => {
    const cache = twoOrigins();
    const { digest, blob } = await broken(cache, 77);
    const name = repository("finisher");
    await fixture.blob(name, blob);
    await fixture.fault({
      match: { repository: name, kind: "blob", method: "GET" },
      times: 0,
      do: { corruptAt: 1 },
    });
    const received = await receive(cache.fetch(`evil/${name}/blobs/${digest}`));
    expect(received.whole).toBe(false);
    const requests = await fixture.requests({ repository: name, kind: "blob", method: "GET" });
    expect(requests.some(({ range }) => range?.startsWith("bytes=0-") ?? true)).toBe(true);
  });

  it("is there for its own origin afterwards, whatever the other one did", async () => {
    const cache = twoOrigins();
    const { owner, digest, blob } = await broken(cache, 78);
    const name = repository("spoiler");
    await fixture.blob(name, blob);
    await fixture.fault({
      match: { repository: name, kind: "blob", method: "GET" },
      times: 0,
      do: { corruptAt: 1 },
    });
    expect((await receive(cache.fetch(`evil/${name}/blobs/${digest}`))).whole).toBe(false);
    await fixture.heal({ repository: owner });
    later(10 * 60_000); // past the upstream's pause
    const before = (await fixture.requests({ repository: owner, kind: "blob" })).length;
    expect(await receive(cache.fetch(`private/${owner}/blobs/${digest}`))).toMatchObject({
      whole: true,
      digest,
    });
    const requests = (await fixture.requests({ repository: owner, kind: "blob" })).slice(before);
    expect(requests.map(({ range }) => range)).not.toContain("bytes=0-8388607");
  });

  it("does not keep another origin from filling and publishing it, and the catalog is told", async () => {
    const cache = twoOrigins();
    const { digest, blob } = await broken(cache, 79);
    const name = repository("honest");
    await fixture.blob(name, blob);
    expect(await receive(cache.fetch(`evil/${name}/blobs/${digest}`))).toMatchObject({
      whole: true,
      digest,
    });
    await cache.settled();
    await runDurableObjectAlarm(BLOB_FILL.get(BLOB_FILL.idFromName(digest)));
    expect(await cache.bytes(`evil/${name}/blobs/${digest}`)).toHaveLength(20 * MiB);
  });
});

it("a repository that is linked does not wait for another origin's fill, which may bring anything", async () => {
  const cache = twoOrigins();
  const [owner, name] = [repository("swept"), repository("stalling")];
  const blob = { seed: 80, size: 20 * MiB };
  const { digest } = await fixture.blob(owner, blob);
  await fixture.blob(name, blob);
  await cache.bytes(`private/${owner}/blobs/${digest}`);
  await cache.settled();
  await objectOf<BlobFillMethods>(BLOB_FILL, digest).remove(digest as Digest); // as a sweep does: KV still has the link
  await fixture.fault({
    match: { repository: name, kind: "blob", method: "GET" },
    times: 0,
    do: { hold: name, after: 9 * MiB, ignoreRange: true },
  });
  const stalled = cache.fetch(`evil/${name}/blobs/${digest}`).then(receive);
  await fixture.held(name);
  expect(await receive(cache.fetch(`private/${owner}/blobs/${digest}`))).toMatchObject({
    whole: true,
    digest,
  });
  await fixture.release(name);
  await stalled;
});
