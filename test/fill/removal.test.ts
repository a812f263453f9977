// Removal: what is deleted is deleted by the objects that fetch it, and neither spoils the other.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { openFills } from "../../src/fill/open.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf as digestOfBytes } from "../../src/oci/hash.ts";
import { BlobStore } from "../../src/store/blobs.ts";
import { TagStore } from "../../src/store/tags.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { SEGMENT } from "../support/edge.ts";
import { seedOf } from "../support/fixture.ts";
import { catalog, clean, isStored, stored } from "../support/lifecycle.ts";
import { readSome, receive } from "../support/transfers.ts";
import { eventually } from "../support/waiting.ts";

const fills = openFills(env as unknown as Env);
const path = apartPath();
const upstream = fixture.url("open") + path;
const place = `${upstream}//`;
const cache = new Cache({ RULES: [{ prefix: "p", upstream, connections: 1 }] });

beforeEach(clean);
afterEach(() => {
  vi.restoreAllMocks();
});

async function blob(hint: string, size: number) {
  const name = repository(hint);
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size });
  return { name, digest: digest as Digest, path: `p/${name}/blobs/${digest}` };
}

describe("a blob", () => {
  it("goes, and its segments later; and can be fetched again", async () => {
    const { digest, path } = await blob("goes", SEGMENT + 10);
    await receive(cache.fetch(path));
    await eventually(async () => expect((await stored("blobs/")).keys).toHaveLength(2));
    const [, segment = ""] = (await stored("blobs/")).keys;
    const attempt = segment.split("/")[3] as string;
    expect(await fills.removeAttempt(digest, attempt)).toBeUndefined(); // it is the blob's own
    expect(
      await eventually(async () => {
        const removed = await fills.removeBlob(digest);
        expect(removed.outcome).toBe("gone");
        return removed;
      }),
    ).toEqual({ outcome: "gone", found: true });
    expect((await stored("blobs/")).keys).toEqual([segment]);
    expect(await fills.removeBlob(digest)).toEqual({ outcome: "gone", found: false });
    expect(await fills.removeAttempt(digest, attempt)).toBe(10);
    expect((await stored("blobs/")).keys).toEqual([]);
    const again = await receive(cache.fetch(path, {}, "another.example"));
    expect(again.digest).toBe(digest);
  });

  it("that is being fetched stays, and its attempt too", async () => {
    const { name, digest, path } = await blob("busy", 3 * SEGMENT);
    await fixture.fault({ match: { repository: name, kind: "blob" }, times: 2, do: {} });
    await fixture.fault({ match: { repository: name, kind: "blob" }, do: { hold: name } });
    const response = await cache.fetch(path);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await readSome(reader, SEGMENT);
    const [key = ""] = (await stored("blobs/")).keys;
    expect(await fills.removeBlob(digest)).toEqual({ outcome: "busy", found: true });
    expect(await fills.removeAttempt(digest, key.split("/")[3] as string)).toBeUndefined();
    await fixture.release(name);
    await readSome(reader, 2 * SEGMENT - 1);
    await reader.cancel();
  });

  it("that is asked for while it is deleted is fetched again, whole", async () => {
    const { name, digest, path } = await blob("raced", 5000);
    await receive(cache.fetch(path));
    await eventually(async () => expect((await catalog.summary()).blobs).toBe(1));
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const remove = BlobStore.prototype.remove;
    const removing = vi.spyOn(BlobStore.prototype, "remove").mockImplementation(async function (
      this: BlobStore,
      one,
    ) {
      const had = await remove.call(this, one);
      await held;
      return had;
    });
    const removal = fills.removeBlob(digest);
    await eventually(() => expect(removing).toHaveBeenCalled());
    await eventually(async () => expect(await isStored({ digest })).toBe(false));
    const pulled = receive(cache.fetch(path, {}, "another.example"));
    // It waits: nothing is fetched while the removal is under way.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const requests = () => fixture.requests({ repository: name, kind: "blob", method: "GET" });
    expect(await requests()).toHaveLength(1);
    go();
    expect(await removal).toEqual({ outcome: "gone", found: true });
    expect((await pulled).digest).toBe(digest);
    expect(await isStored({ digest })).toBe(true);
    expect(await requests()).toHaveLength(2);
  });

  it("whose stream is running ends well for its client, with the upstream cut off", async () => {
    const { name, digest, path } = await blob("streaming", 3 * SEGMENT + 5);
    await receive(cache.fetch(path));
    const response = await cache.fetch(path, {}, "another.example");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const { value: first } = (await reader.read()) as { value: Uint8Array };
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    await eventually(async () => expect((await fills.removeBlob(digest)).outcome).toBe("gone"));
    const pieces = [first];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
    }
    expect(await digestOf(pieces)).toBe(digest);
  });
});

describe("a manifest", () => {
  it("goes, and a pull of it then fetches it again", async () => {
    const name = repository("manifest");
    const image = await fixture.image(name, "1");
    await cache.bytes(`p/${name}/manifests/1`);
    const digest = image.digest as Digest;
    expect(await fills.removeManifest(digest)).toEqual({ outcome: "gone", found: true });
    expect(await fills.removeManifest(digest)).toEqual({ outcome: "gone", found: false });
    const elsewhere = new Cache({ RULES: [{ prefix: "p", upstream }] });
    const got = await elsewhere.fetch(`p/${name}/manifests/1`, {}, "another.example");
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(image.bytes);
    expect(await isStored(image)).toBe(true);
  });
});

describe("a tag", () => {
  const known = async (name: string, tag: string) =>
    (await catalog.images(`${place}${name}`, false, "", 10)).some(({ tags }) => tags.includes(tag));

  it("whose record R2 refused when it moved has it mended by the next check, and goes", async () => {
    const name = repository("unrecorded");
    const quick = new Cache({ RULES: [{ prefix: "p", upstream, tagTtl: "1s" }] });
    const pull = async () => {
      await quick.bytes(`p/${name}/manifests/1`);
      await quick.settled();
      later(2_000);
    };
    await fixture.image(name, "1");
    await pull();
    const moved = await fixture.image(name, "1", { seed: "moved" });
    vi.spyOn(TagStore.prototype, "record").mockRejectedValueOnce(new Error("R2 is away"));
    await pull();
    await pull();
    const doomed = { place: `${place}${name}`, tag: "1", digest: moved.digest as Digest };
    expect(await fills.removeTag(doomed)).toBe("gone");
    expect((await stored("tags/")).keys).toEqual([]);
  });

  it("goes with its mapping and its record, unless it means something else by now", async () => {
    const name = repository("tag");
    const [one, two] = [
      await fixture.image(name, "1"),
      await fixture.image(name, undefined, { seed: "b" }),
    ];
    await cache.bytes(`p/${name}/manifests/1`);
    await cache.settled();
    const doomed = (image: { digest: string }) => {
      return { place: `${place}${name}`, tag: "1", digest: image.digest as Digest };
    };
    expect(await fills.removeTag(doomed(two))).toBe("moved");
    expect((await stored("tags/")).keys).toHaveLength(1);
    expect(await fills.removeTag(doomed(one))).toBe("gone");
    expect((await stored("tags/")).keys).toEqual([]);
    expect(await fills.removeTag(doomed(one))).toBe("gone");
  });

  it("that is being checked stays", async () => {
    const name = repository("checked");
    const image = await fixture.image(name, "1");
    await fixture.fault({ match: { repository: name, method: "HEAD" }, do: { hold: name } });
    const pulled = cache.bytes(`p/${name}/manifests/1`);
    await fixture.held(name);
    const doomed = { place: `${place}${name}`, tag: "1", digest: image.digest as Digest };
    expect(await fills.removeTag(doomed)).toBe("busy");
    await fixture.release(name);
    await pulled;
    expect((await stored("tags/")).keys).toHaveLength(1);
  });

  it("that was served while it was deleted means it again, and is told", async () => {
    const name = repository("restored");
    const image = await fixture.image(name, "1");
    await cache.bytes(`p/${name}/manifests/1`);
    const digest = image.digest as Digest;
    await fills.removeTag({ place: `${place}${name}`, tag: "1", digest });
    await catalog.tellTag({
      place: `${place}${name}`,
      tag: "1",
      digest,
      at: Date.now(),
      gone: true,
    });
    expect(await known(name, "1")).toBe(false);
    const mapping = { digest, checkedAt: Date.now() };
    await fills.restoreTag(`${place}${name}`, "1", mapping);
    expect(await known(name, "1")).toBe(true);
    const offline = new Cache({ RULES: [{ prefix: "p", upstream }], OFFLINE: true });
    expect(await offline.bytes(`p/${name}/manifests/1`)).toEqual(image.bytes);
    // Where it means something else, that stays.
    const other = { digest: `sha256:${"0".repeat(64)}` as Digest, checkedAt: Date.now() };
    await fills.restoreTag(`${place}${name}`, "1", other);
    expect(await offline.bytes(`p/${name}/manifests/1`)).toEqual(image.bytes);
  });
});

async function digestOf(pieces: Uint8Array[]): Promise<string> {
  const bytes = await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer();
  return digestOfBytes(new Uint8Array(bytes));
}
