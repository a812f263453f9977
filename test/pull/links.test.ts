// A digest is no key: what is here is given under those names alone whose repository has it, whatever else is known of it.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { counting, laggingKv, untouchable } from "../support/bindings.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import type { Image } from "../support/fixture.ts";
import { MiB, readSome, receive } from "../support/transfers.ts";

const { META } = env as unknown as Env;
const OFFLINE = { OFFLINE: true };
const HOUR = 60 * 60_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** A secret image that is cached, and a repository of the same upstream that has nothing of it. */
async function secret(options = {}): Promise<{ image: Image; owner: string; other: string }> {
  const owner = repository("owner");
  const other = repository("other");
  const image = await fixture.image(owner, "1", options);
  await fixture.image(other, "1");
  const cache = new Cache();
  await pullAll(cache, owner, image);
  await cache.settled();
  return { image, owner, other };
}

async function pullAll(cache: Cache, name: string, image: Image): Promise<void> {
  await cache.bytes(`open/${name}/manifests/1`);
  for (const path of pathsOf(image)) await cache.bytes(`open/${name}/${path}`);
}

function pathsOf({ digest, config, layers }: Image): string[] {
  return [`manifests/${digest}`, ...[config, ...layers].map((blob) => `blobs/${blob.digest}`)];
}

/** Statuses by method and path: GET, HEAD, a range, a range that the blob does not have, and a condition. */
async function statuses(cache: Cache, name: string, image: Image): Promise<Set<number>> {
  const requests = [
    { method: "GET" },
    { method: "HEAD" },
    { headers: { Range: "bytes=5-9" } },
    { headers: { Range: "bytes=999999999-" } },
    { headers: { "If-None-Match": "*" } },
  ];
  const answers = pathsOf(image).flatMap((path) =>
    requests.map(async (init) => {
      const { status, body } = await cache.fetch(`open/${name}/${path}`, init);
      await body?.cancel();
      return status;
    }),
  );
  return new Set(await Promise.all(answers));
}

describe("under another name of the same upstream", () => {
  it("cached content is 404, by every kind of request", async () => {
    const { image, other } = await secret();
    expect(await statuses(new Cache(), other, image)).toEqual(new Set([404]));
  });

  it("each digest costs one upstream check, confirmed by a GET, and no other for a while", async () => {
    const { image, other } = await secret();
    const cache = new Cache();
    const path = `open/${other}/blobs/${image.layers[0]?.digest}`;
    for (let at = 0; at < 5; at++) expect((await cache.fetch(path)).status).toBe(404);
    const requests = await fixture.requests({ repository: other, kind: "blob" });
    expect(requests.map(({ method, range }) => [method, range])).toEqual([
      ["HEAD", null],
      ["GET", "bytes=0-0"],
    ]);
  });

  it("the answer is the same whether it is cached or not", async () => {
    const { image, other } = await secret();
    const unknown = `sha256:${"0".repeat(64)}`;
    for (const path of pathsOf(image)) {
      for (const method of ["GET", "HEAD"]) {
        const answersOf = async (path: string) => {
          const response = await new Cache().fetch(`open/${other}/${path}`, { method });
          return [response.status, [...response.headers], await response.text()];
        };
        expect(await answersOf(path)).toEqual(await answersOf(path.replace(/sha256:.*/, unknown)));
      }
    }
  });

  it("is 404 offline too, without revealing whether it is cached", async () => {
    const { image, other } = await secret();
    const cache = new Cache(OFFLINE);
    const unknown = `sha256:${"0".repeat(64)}`;
    for (const path of pathsOf(image)) {
      const hit = await cache.fetch(`open/${other}/${path}`);
      const miss = await cache.fetch(`open/${other}/${path.replace(/sha256:.*/, unknown)}`);
      expect(hit.status).toBe(404);
      expect([...hit.headers]).toEqual([...miss.headers]);
      expect(await hit.text()).toBe(await miss.text());
    }
  });

  it("is served once the upstream confirms it, and then without the upstream", async () => {
    const { image, owner, other } = await secret();
    await fixture.image(other, "2", { seed: owner });
    const cache = new Cache();
    for (const path of pathsOf(image)) await cache.bytes(`open/${other}/${path}`);
    await cache.settled();
    const requests = await fixture.requests({ repository: other });
    expect(requests.filter(({ method }) => method === "GET")).toEqual([]); // asked whether, by HEAD
    expect(await statuses(new Cache(OFFLINE), other, image)).toEqual(new Set([200, 206, 304, 416]));
  });

  it("is not linked by a mention: as a foreign layer, a subject, or a referrer's artifact", async () => {
    const { image, other } = await secret();
    const [layer] = image.layers;
    const own = await fixture.image(other, "own");
    const foreign = {
      schemaVersion: 2,
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      config: { mediaType: "application/json", digest: own.config.digest, size: own.config.size },
      layers: [
        {
          mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
          digest: layer?.digest,
          size: layer?.size,
          urls: ["http://169.254.169.254/latest"],
        },
      ],
    };
    await fixture.manifest(other, foreign, { tag: "foreign" });
    await fixture.referrer(other, image, "application/spdx+json", { tag: "referrer" });
    const cache = new Cache();
    for (const tag of ["foreign", "referrer"]) await cache.bytes(`open/${other}/manifests/${tag}`);
    await cache.settled();
    expect(await statuses(new Cache(), other, image)).toEqual(new Set([404]));
  });
});

describe("a blob that is being fetched", () => {
  it("is not served to a client that joins from a repository without it", async () => {
    const [owner, other] = [repository("filling"), repository("joining")];
    const { digest } = await fixture.blob(owner, { seed: 7, size: 20 * MiB });
    await fixture.image(other, "1");
    await fixture.fault({
      match: { repository: owner, kind: "blob" },
      do: { hold: owner, after: 10 * MiB },
    });
    const cache = new Cache({
      RULES: [{ prefix: "open", upstream: fixture.url("open"), connections: 1 }],
    });
    const response = await cache.fetch(`open/${owner}/blobs/${digest}`);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await readSome(reader, 8 * MiB);
    expect((await cache.fetch(`open/${other}/blobs/${digest}`)).status).toBe(404);
    const range = { headers: { Range: "bytes=0-9" } };
    expect((await cache.fetch(`open/${other}/blobs/${digest}`, range)).status).toBe(404);
    await fixture.release(owner);
    await reader.cancel();
    await cache.settled();
  });
});

describe("the link", () => {
  it("of a cached manifest's content is known without the upstream, in every location", async () => {
    const { image, owner } = await secret();
    const before = (await fixture.requests({ repository: owner })).length;
    // KV has forgotten all of it: the catalog knows.
    const { keys } = await META.list({ prefix: "link:" });
    await Promise.all(
      keys.filter(({ name }) => name.includes(owner)).map(({ name }) => META.delete(name)),
    );
    const cache = new Cache(OFFLINE);
    for (const path of pathsOf(image)) {
      const { status } = await receive(cache.fetch(`open/${owner}/${path}`, {}, "far.example"));
      expect([path, status]).toEqual([path, 200]);
    }
    expect(await fixture.requests({ repository: owner })).toHaveLength(before);
  });

  it("costs a hit one read of KV at most, and no Durable Object", async () => {
    const { image, owner } = await secret();
    const { binding, calls } = counting(META);
    const cache = new Cache({ META: binding, CATALOG: untouchable("the catalog") });
    const path = `open/${owner}/blobs/${image.layers[0]?.digest}`;
    expect(await receive(cache.fetch(path, { method: "HEAD" }, "one.example"))).toMatchObject({
      status: 200,
    });
    // The link, and what is known of the blob itself.
    expect(calls).toEqual({ get: 2 });
  });

  it("is not checked again while KV does not show it yet", async () => {
    const [owner, other] = [repository("lag"), repository("lag-other")];
    const { digest } = await fixture.blob(owner, "shared between two");
    await fixture.blob(other, "shared between two");
    const cache = new Cache({ META: laggingKv(META) });
    await cache.bytes(`open/${owner}/blobs/${digest}`);
    for (let at = 0; at < 3; at++) await cache.bytes(`open/${other}/blobs/${digest}`);
    expect(await fixture.requests({ repository: other })).toHaveLength(1);
  });

  it("is confirmed once a day in the background, and removed when the upstream has deleted it", async () => {
    const name = repository("withdrawn");
    const { digest } = await fixture.blob(name, "no manifest leads to it");
    const path = `open/${name}/blobs/${digest}`;
    const cache = new Cache();
    await cache.bytes(path);
    await cache.settled();
    await fixture.remove(name, digest);
    later(25 * HOUR);
    const again = new Cache();
    await again.bytes(path); // and asked behind it
    await again.settled();
    later(2 * 60_000);
    expect((await new Cache(OFFLINE).fetch(path, {}, "new.example")).status).toBe(404);
  });

  it("stays while the upstream fails", async () => {
    const name = repository("unsaid");
    const { digest } = await fixture.blob(name, "the upstream is down");
    const path = `open/${name}/blobs/${digest}`;
    const cache = new Cache();
    await cache.bytes(path);
    await cache.settled();
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    later(25 * HOUR);
    for (let at = 0; at < 2; at++) {
      const again = new Cache();
      await again.bytes(path);
      await again.settled();
      later(2 * 60_000);
    }
  });

  it("is checked with the upstream when the catalog fails", async () => {
    const { image, owner } = await secret();
    const CATALOG = { idFromName: () => "", get: () => ({}) };
    const cache = new Cache({ CATALOG });
    await META.delete(`link:${fixture.host("open")}//${owner}@${image.config.digest}`);
    const path = `open/${owner}/blobs/${image.config.digest}`;
    expect(await receive(cache.fetch(path, {}, "broken.example"))).toMatchObject({ whole: true });
  });
});
