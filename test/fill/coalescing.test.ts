// Promise 1, one fetch: however many ask for the same cold thing, the upstream is asked for each byte once.

import { describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { coverOnce, MiB, readSome, receive } from "../support/transfers.ts";

const cache = new Cache();
const many = <T>(count: number, work: (at: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, at) => work(at)));

describe("blobs", () => {
  it.each([
    ["of one segment", 5000],
    ["of exactly one segment", 8 * MiB],
    ["of several segments", 9 * MiB + 7],
  ])("%s are asked for once by twenty clients", async (_, size) => {
    const name = repository("coalesced");
    const { digest } = await fixture.blob(name, { seed: size, size });
    const received = await many(20, () => receive(cache.fetch(`open/${name}/blobs/${digest}`)));
    expect(received.map((each) => each.digest)).toEqual(Array(20).fill(digest));
    expect(coverOnce(await fixture.requests({ repository: name, kind: "blob" }), size)).toBe(true);
    const statuses = received.map((each) => each.cacheStatus);
    expect(statuses.filter((status) => status === "entrepot; fwd=uri-miss; stored")).toHaveLength(
      1,
    );
    // Of a small blob some may come when it is here already.
    const others = statuses.filter((status) => /; (collapsed|hit)$/.test(status));
    expect(others).toHaveLength(19);
  });

  it("are one GET where the upstream has no ranges", async () => {
    const name = repository("no-ranges");
    const size = 20 * MiB;
    const { digest } = await fixture.blob(name, { seed: 3, size });
    await fixture.fault({
      match: { repository: name, kind: "blob" },
      times: 0,
      do: { ignoreRange: true },
    });
    const received = await many(5, () => receive(cache.fetch(`open/${name}/blobs/${digest}`)));
    expect(received.map((each) => each.digest)).toEqual(Array(5).fill(digest));
    expect(await fixture.requests({ repository: name, kind: "blob" })).toHaveLength(1);
  });

  it("stream to followers before their last byte has come", async () => {
    const name = repository("followed");
    const size = 20 * MiB;
    const { digest } = await fixture.blob(name, { seed: 4, size });
    const match = { repository: name, kind: "blob" } as const;
    await fixture.fault({ match, times: 2, do: {} });
    await fixture.fault({ match, do: { hold: name, after: 1000 } });
    const slow = new Cache({
      RULES: [{ prefix: "slow", upstream: fixture.url("open"), connections: 1 }],
    });
    const readers = await many(3, async () => {
      const response = await slow.fetch(`slow/${name}/blobs/${digest}`);
      return (response.body as ReadableStream<Uint8Array>).getReader();
    });
    await fixture.held(name);
    for (const reader of readers) expect(await readSome(reader, 16 * MiB)).toBe(16 * MiB);
    await fixture.release(name);
    for (const reader of readers) expect(await readSome(reader, 16 * MiB)).toBe(4 * MiB);
  });
});

describe("manifests", () => {
  it("are one HEAD and one GET for twenty clients of a tag", async () => {
    const name = repository("tagged");
    const image = await fixture.image(name, "1");
    const received = await many(20, () => receive(cache.fetch(`open/${name}/manifests/1`)));
    expect(received.map((each) => each.digest)).toEqual(Array(20).fill(image.digest));
    const requests = await fixture.requests({ repository: name, kind: "manifest" });
    expect(requests.map(({ method, reference }) => `${method} ${reference}`)).toEqual([
      "HEAD 1",
      `GET ${image.digest}`,
    ]);
  });

  it("are one GET for two tags and the digest together", async () => {
    const name = repository("shared");
    const image = await fixture.image(name, "1");
    await fixture.tag(name, "2", image.digest);
    await Promise.all(
      ["1", "2", image.digest].map((each) => cache.bytes(`open/${name}/manifests/${each}`)),
    );
    expect(
      await fixture.requests({ repository: name, kind: "manifest", method: "GET" }),
    ).toHaveLength(1);
  });
});

it("goes on with the next source when the first is refused, and tells only those who came with it", async () => {
  const size = 3000;
  const [refused, good] = [repository("refused"), repository("good")];
  const { digest } = await fixture.blob(good, { seed: 9, size });
  await fixture.blob(refused, { seed: 9, size });
  await fixture.fault({ match: { repository: refused }, do: { status: 403, hold: refused } });
  const first = cache.fetch(`open/${refused}/blobs/${digest}`);
  await fixture.held(refused);
  const second = receive(cache.fetch(`open/${good}/blobs/${digest}`));
  await fixture.release(refused);
  expect((await first).status).toBe(403);
  expect((await second).digest).toBe(digest);
});
