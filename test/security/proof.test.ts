// A hostile upstream under one rule, private content under another: naming a digest, or answering 200 to a HEAD of it, opens nothing.
// A repository is given what its own origin has delivered, and its own upstream has confirmed.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { type Image, TYPES } from "../support/fixture.ts";
import { MiB, readSome, receive } from "../support/transfers.ts";

const { BLOBS, META } = env as unknown as Env;

afterEach(() => {
  vi.restoreAllMocks();
});

/** A cache with a rule whose upstream has private content, and one whose upstream is the attacker's: two origins. */
function twoOrigins() {
  const path = apartPath();
  const rules = [
    { prefix: "private", upstream: fixture.url("basic") + path, credentials: "ROBOT" },
    { prefix: "evil", upstream: fixture.url("open") + path },
  ];
  return { cache: new Cache({ RULES: rules }), rules };
}

/** A private image that is cached. The fixture has one store behind all its doors, so the attacker's repository is made to lack it by its
 * name. */
async function privateImage(cache: Cache, options = {}): Promise<{ image: Image; owner: string }> {
  const owner = repository("owner");
  const image = await fixture.image(owner, "1", options);
  await cache.bytes(`private/${owner}/manifests/1`);
  for (const { digest } of [image.config, ...image.layers])
    await cache.bytes(`private/${owner}/blobs/${digest}`);
  await cache.settled();
  return { image, owner };
}

function pathsOf({ digest, config, layers }: Image): string[] {
  return [`manifests/${digest}`, ...[config, ...layers].map((blob) => `blobs/${blob.digest}`)];
}

/** Every way in which a client may ask. */
const WAYS: RequestInit[] = [
  { method: "GET" },
  { headers: { Range: "bytes=5-9" } },
  { headers: { Range: "bytes=-1" } },
];

async function expectNothing(cache: Cache, name: string, image: Image): Promise<void> {
  for (const path of pathsOf(image)) {
    for (const init of WAYS) {
      const response = await cache.fetch(`evil/${name}/${path}`, init);
      const body = await response.text();
      expect([path, response.status >= 400]).toEqual([path, true]);
      expect(body).toMatch(/^\{"errors":/);
    }
  }
}

describe("nothing private is opened by", () => {
  it("an upstream that answers 200 to every HEAD", async () => {
    const { cache } = twoOrigins();
    const { image } = await privateImage(cache, { layers: [1000, 9 * MiB] });
    const name = repository("yes-man");
    await fixture.image(name, "1");
    for (const kind of ["manifest", "blob"] as const)
      await fixture.fault({
        match: { repository: name, method: "HEAD", kind },
        times: 0,
        do: {
          status: 200,
          body: "x".repeat(1000),
          headers: { "content-type": TYPES.oci.manifest },
        },
      });
    for (let at = 0; at < 2; at++) await expectNothing(cache, name, image);
  });

  it("one that answers 200 to everything, with bytes of its own", async () => {
    const { cache } = twoOrigins();
    const { image } = await privateImage(cache);
    const name = repository("liar");
    await fixture.fault({
      match: { repository: name },
      times: 0,
      do: { status: 200, body: "x".repeat(1000) },
    });
    for (let at = 0; at < 2; at++) await expectNothing(cache, name, image);
  });

  it("a tag whose HEAD names a private manifest", async () => {
    const { cache } = twoOrigins();
    const { image } = await privateImage(cache);
    const name = repository("tag");
    await fixture.image(name, "1", { seed: "the attacker's own" });
    await fixture.fault({
      match: { repository: name, method: "HEAD", reference: "1" },
      times: 0,
      do: { digestHeader: image.digest },
    });
    // The GET by tag has the last word, and gives what the attacker has.
    const response = await cache.fetch(`evil/${name}/manifests/1`);
    expect(await response.text()).not.toContain(image.config.digest);
    expect(response.headers.get("docker-content-digest")).not.toBe(image.digest);
    await expectNothing(cache, name, image);
  });

  it("a HEAD by tag, which tells no more of it than the upstream said", async () => {
    const { cache } = twoOrigins();
    const { image } = await privateImage(cache);
    const name = repository("head");
    await fixture.image(name, "1");
    await fixture.fault({
      match: { repository: name, method: "HEAD", reference: "1" },
      times: 0,
      do: { digestHeader: image.digest, headers: { "content-length": "7" } },
    });
    const response = await cache.head(`evil/${name}/manifests/1`);
    expect(response.headers.get("content-length")).not.toBe(String(image.bytes.byteLength));
    await expectNothing(cache, name, image);
  });

  it.each(["an index", "a manifest"])("%s that names its parts", async (kind) => {
    const { cache } = twoOrigins();
    const { image } = await privateImage(cache);
    const name = repository("naming");
    const own = await fixture.image(name, undefined, { seed: name });
    const body =
      kind === "an index"
        ? {
            schemaVersion: 2,
            mediaType: TYPES.oci.index,
            manifests: [own, image].map(({ mediaType, digest, size, platform }) => ({
              mediaType,
              digest,
              size,
              platform,
            })),
          }
        : JSON.parse(new TextDecoder().decode(image.bytes));
    if (kind === "a manifest") body.annotations = { made: "by the attacker" };
    const { digest } = await fixture.manifest(name, body, { tag: "1" });
    expect((await receive(cache.fetch(`evil/${name}/manifests/1`))).status).toBe(200);
    expect((await receive(cache.fetch(`evil/${name}/manifests/${digest}`))).status).toBe(200);
    await cache.settled();
    await expectNothing(cache, name, image);
    // A client that takes no index gets the linux/amd64 child: not the private one either.
    if (kind === "an index") {
      const only = { schemaVersion: 2, mediaType: TYPES.oci.index, manifests: [body.manifests[1]] };
      await fixture.manifest(name, only, { tag: "only" });
      const headers = { Accept: TYPES.oci.manifest };
      const response = await cache.fetch(`evil/${name}/manifests/only`, { headers });
      expect(response.status).toBe(404);
      expect(await response.text()).not.toContain(image.config.digest);
    }
  });

  it("a transfer of it that never ends", async () => {
    const { cache } = twoOrigins();
    const { image } = await privateImage(cache, { layers: [20 * MiB] });
    const layer = image.layers[0] as Image["layers"][0];
    const name = repository("drip");
    // It has the first 10 MiB of it, as a client that has seen a prefix may.
    await fixture.blob(name, { seed: layer.seed, size: layer.size });
    const hold = `${name}-hold`;
    await fixture.fault({
      match: { repository: name, kind: "blob", method: "GET" },
      times: 0,
      do: { hold, after: 10 * MiB, ignoreRange: true },
    });
    const response = await cache.fetch(`evil/${name}/blobs/${layer.digest}`);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(await readSome(reader, 8 * MiB)).toBe(8 * MiB);
    const { keys } = await META.list({ prefix: "link:" });
    expect(keys.filter((key) => key.name.includes(name))).toEqual([]);
    const listed = await BLOBS.list({ prefix: "links/" });
    expect(listed.objects.filter(({ key }) => key.includes(name))).toEqual([]);
    await reader.cancel();
    await fixture.release(hold);
    await cache.settled();
  });
});

describe("an origin that has not delivered the bytes", () => {
  it.each([
    ["small", [1000]],
    ["of several segments", [20 * MiB]],
  ])("delivers them once, and is linked: layers %s", async (_, layers) => {
    const { cache, rules } = twoOrigins();
    const { image, owner } = await privateImage(cache, { layers });
    const before = (await fixture.requests({ repository: owner, server: "open" })).length;
    expect(before).toBe(0);
    const paths = pathsOf(image).map((path) => `evil/${owner}/${path}`);
    for (const path of paths) {
      const received = await Promise.all([1, 2, 3].map(() => receive(cache.fetch(path))));
      for (const one of received)
        expect([path, one.whole, one.digest]).toEqual([path, true, path.split("/").at(-1)]);
    }
    await cache.settled();
    const requests = await fixture.requests({ repository: owner, server: "open", method: "GET" });
    const whole = new Set(
      requests.map(({ kind, reference, range }) => `${kind} ${reference} ${range}`),
    );
    expect(whole.size).toBe(requests.length); // no byte twice
    // Nothing of it is kept beside what was here.
    const { objects } = await BLOBS.list({ prefix: `blobs/` });
    const attempts = new Set(
      objects
        .filter(({ key }) => key.split("/").length === 5)
        .map(({ key }) => key.split("/").slice(2, 4).join("/")),
    );
    const large = image.layers
      .filter(({ size }) => size > 8 * MiB)
      .map(({ digest }) => digest.slice(7));
    for (const hex of large)
      expect([...attempts].filter((attempt) => attempt.startsWith(hex))).toHaveLength(1);
    // And from then on the upstream is asked no more.
    const again = new Cache({ RULES: rules, OFFLINE: true });
    for (const path of paths) expect((await receive(again.fetch(path))).whole).toBe(true);
  });

  it("that sends other bytes in mid-transfer is broken off there, and not linked", async () => {
    const { cache } = twoOrigins();
    const { image } = await privateImage(cache, { layers: [20 * MiB] });
    const layer = image.layers[0] as Image["layers"][0];
    const name = repository("differing");
    await fixture.blob(name, { seed: layer.seed, size: layer.size });
    await fixture.fault({
      match: { repository: name, kind: "blob", method: "GET" },
      times: 0,
      do: { corruptAt: 9 * MiB },
    });
    const received = await receive(cache.fetch(`evil/${name}/blobs/${layer.digest}`));
    expect(received.whole).toBe(false);
    expect(received.size).toBeLessThanOrEqual(16 * MiB);
    await fixture.heal({ repository: name });
    const link = await BLOBS.list({ prefix: "links/" });
    expect(link.objects.filter(({ key }) => key.endsWith(name))).toEqual([]);
    expect(await receive(cache.fetch(`evil/${name}/blobs/${layer.digest}`))).toMatchObject({
      whole: true,
      digest: layer.digest,
    });
  });

  it("fetches for itself while another's fill of the same blob is running", async () => {
    const { cache } = twoOrigins();
    const [owner, name] = [repository("filling"), repository("beside")];
    const seed = 4242;
    const { digest } = await fixture.blob(owner, { seed, size: 20 * MiB });
    await fixture.blob(name, { seed, size: 20 * MiB });
    await fixture.fault({
      match: { repository: owner, kind: "blob", method: "GET" },
      times: 0,
      do: { hold: owner, after: 9 * MiB, ignoreRange: true },
    });
    const slow = cache.fetch(`private/${owner}/blobs/${digest}`).then(receive);
    await fixture.held(owner);
    expect(await receive(cache.fetch(`evil/${name}/blobs/${digest}`))).toMatchObject({
      whole: true,
      digest,
    });
    await fixture.release(owner);
    expect(await slow).toMatchObject({ whole: true, digest });
  });
});

describe("an origin that has delivered the bytes", () => {
  it("confirms them for another of its repositories by one HEAD, shared by all who wait", async () => {
    const { cache } = twoOrigins();
    const { image, owner } = await privateImage(cache);
    const other = repository("sibling");
    await fixture.image(other, "2", { seed: owner });
    for (const path of pathsOf(image))
      await Promise.all([1, 2, 3].map(() => cache.bytes(`private/${other}/${path}`)));
    const requests = await fixture.requests({ repository: other });
    expect(
      requests.filter(({ authorization }) => authorization !== "none").map((one) => one.method),
    ).toEqual(pathsOf(image).map(() => "HEAD"));
  });

  it.each([401, 404, 405])("whose HEAD answers %i has a GET settle it", async (status) => {
    const { cache } = twoOrigins();
    const { image, owner } = await privateImage(cache);
    const other = repository("headless");
    await fixture.image(other, "2", { seed: owner });
    await fixture.fault({ match: { repository: other, method: "HEAD" }, times: 0, do: { status } });
    for (const path of pathsOf(image)) await cache.bytes(`private/${other}/${path}`);
    const blobs = await fixture.requests({ repository: other, kind: "blob", method: "GET" });
    expect(new Set(blobs.filter(({ status }) => status < 300).map(({ range }) => range))).toEqual(
      new Set(["bytes=0-0"]),
    );
  });
});

describe("what an earlier version stored", () => {
  /** As it was: no records in R2, and links in KV that say nothing of a proof. */
  async function asBefore(image: Image, places: string[]): Promise<void> {
    for (const { digest } of [image, image.config, ...image.layers]) {
      const prefix = `links/${digest.replace(":", "/")}/`;
      const { objects } = await BLOBS.list({ prefix });
      await BLOBS.delete(objects.map(({ key }) => key));
      for (const place of places)
        await META.put(`link:${place}@${digest}`, JSON.stringify({ confirmedAt: Date.now() }));
    }
    const key = `manifests/${image.digest.replace(":", "/")}`;
    const object = (await BLOBS.get(key)) as R2ObjectBody;
    const { customMetadata: { place = "" } = {}, httpMetadata } = object;
    await BLOBS.put(key, await object.bytes(), {
      httpMetadata,
      customMetadata: { place },
    } as R2PutOptions);
    await META.put(`manifest:${image.digest}`, image.bytes, {
      metadata: { mediaType: image.mediaType },
    });
  }

  it("is kept where the bytes came from that repository, and proved again elsewhere: 503 while it cannot be", async () => {
    const { cache, rules } = twoOrigins();
    const { image, owner } = await privateImage(cache);
    const other = repository("linked-before");
    await fixture.image(other, "1", { seed: owner });
    for (const path of pathsOf(image)) await cache.bytes(`evil/${other}/${path}`);
    await cache.settled();
    const basic = (rules[0]?.upstream ?? "").replace(/^https:\/\//, "");
    const open = (rules[1]?.upstream ?? "").replace(/^https:\/\//, "");
    await asBefore(image, [`${basic}~ROBOT//${owner}`, `${open}//${other}`]);
    await fixture.fault({ match: { repository: other }, times: 0, do: { status: 503 } });
    await fixture.fault({ match: { repository: owner }, times: 0, do: { status: 503 } });
    const host = "upgraded.example";
    const again = new Cache({ RULES: rules });
    for (const path of pathsOf(image)) {
      const kept = await again.fetch(`private/${owner}/${path}`, {}, host);
      await kept.arrayBuffer();
      expect([path, kept.status]).toEqual([path, 200]);
      const refused = await again.fetch(`evil/${other}/${path}`, {}, host);
      expect([path, refused.status]).toEqual([path, 503]);
      expect(await refused.text()).toContain("must confirm once that this repository has it");
      expect(refused.headers.get("retry-after")).not.toBeNull();
    }
    await fixture.heal({ repository: other });
    later(10 * 60_000); // past the upstream's pause
    for (const path of pathsOf(image))
      expect((await receive(again.fetch(`evil/${other}/${path}`, {}, host))).status).toBe(200);
  });
});
