// Published blobs, read near: what is copied to the edge is of the generation that the key says, whole, or not there.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { BlobStore } from "../../src/store/blobs.ts";
import { EdgeCache } from "../../src/store/edge.ts";
import { Near } from "../../src/store/near.ts";
import { NearBlobs } from "../../src/store/near-blobs.ts";
import type { Layout } from "../../src/store/segments.ts";
import type { ReadVisit } from "../../src/store/visit.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { seedOf } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";

const { BLOBS, META } = env as unknown as Env;

function openBlobs(): NearBlobs {
  const edge = new EdgeCache();
  return new NearBlobs(new Near(edge), edge, new BlobStore(BLOBS, META));
}

const visit = (host: string): ReadVisit => ({ host, now: Date.now(), later: () => {} });

/** A published blob, and its layout. */
async function published(): Promise<{ digest: Digest; layout: Layout }> {
  const name = repository("near");
  const blob = await fixture.blob(name, { seed: seedOf(name), size: 1000 });
  await receive(new Cache().fetch(`open/${name}/blobs/${blob.digest}`, {}, "elsewhere.example"));
  const digest = blob.digest as Digest;
  const layout = (await new BlobStore(BLOBS, META).layout(digest)) as Layout;
  return { digest, layout };
}

describe("a copy", () => {
  it("is made once", async () => {
    const { layout } = await published();
    const city = visit("copied.example");
    expect(await openBlobs().copy(layout, 0, city)).toBe(true);
    expect(await openBlobs().copy(layout, 0, city)).toBe(false); // it is there
  });

  it("is not made of a head of another generation", async () => {
    const { digest, layout } = await published();
    const key = `blobs/sha256/${digest.slice(7)}`;
    const { customMetadata = {} } = (await BLOBS.head(key)) as R2Object;
    await BLOBS.put(key, new Uint8Array(1000), { customMetadata });
    expect(await openBlobs().copy(layout, 0, visit("older.example"))).toBe(false);
  });

  it("is not made of what is gone", async () => {
    const { digest, layout } = await published();
    await BLOBS.delete(`blobs/sha256/${digest.slice(7)}`);
    expect(await openBlobs().copy(layout, 0, visit("gone.example"))).toBe(false);
  });

  it("is not claimed for an empty blob, nor where there is no edge cache", async () => {
    const { layout } = await published();
    const blobs = openBlobs();
    expect(blobs.claimCopy({ ...layout, size: 0 }, 0, visit("claims.example"))).toBe(false);
    expect(blobs.claimCopy(layout, 0, visit("claims.workers.dev"))).toBe(false);
    expect(blobs.claimCopy(layout, 0, visit("claims.example"))).toBe(true);
    expect(blobs.claimCopy(layout, 0, visit("claims.example"))).toBe(false);
  });
});
