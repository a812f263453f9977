// Upstreams that are alive and odd: a hiccup on one range, limits on connections, ranges that come and go, lengths that
// say nothing. The pull goes on, and what one source suffers is not another's.

import { describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { type Fault, seedOf } from "../support/fixture.ts";
import { MiB, receive } from "../support/transfers.ts";

const SIZE = 40 * MiB;
const cache = new Cache({
  RULES: [
    { prefix: "open", upstream: fixture.url("open") },
    {
      prefix: "impatient",
      upstream: fixture.url("bearer"),
      realm: fixture.host("token"),
      firstByteTimeout: "300ms",
    },
  ],
});

async function blob(size: number) {
  const name = repository("odd");
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size });
  return {
    name,
    digest,
    path: `open/${name}/blobs/${digest}`,
    match: { repository: name } as const,
  };
}

describe("a hiccup in mid-fill", () => {
  it.each<[string, Fault]>([
    ["a connection that is reset", { reset: true }],
    ["a 503", { status: 503 }],
    ["a 429", { status: 429 }],
    ["a 403 of an expired address", { status: 403 }],
  ])("does not end it: %s", async (_, fault) => {
    const { digest, path, match } = await blob(SIZE);
    await fixture.fault({ match, times: 2, do: {} });
    await fixture.fault({ match, do: fault });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
  });

  it("does not end a small blob that broke off: reset after reset", async () => {
    const { digest, path, match } = await blob(1_000_000);
    await fixture.fault({ match, do: { cutAfter: 100_000 } });
    await fixture.fault({ match, times: 2, do: { reset: true } });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
  });
});

it("an upstream that allows one connection is pulled from over one", async () => {
  const { name, digest, path, match } = await blob(SIZE);
  // The first three further lanes are turned away, as by a limit on connections; they do not come back.
  await fixture.fault({ match, do: { hold: name, after: 100 } });
  await fixture.fault({ match, times: 3, do: { status: 429 } });
  const received = receive(cache.fetch(path));
  await fixture.held(name);
  await fixture.release(name);
  expect(await received).toMatchObject({ whole: true, digest });
});

describe("what is odd about ranges or lengths", () => {
  it("ranges for the first segment only: the whole is asked for", async () => {
    const { name, digest, path, match } = await blob(SIZE);
    await fixture.fault({ match, do: {} });
    await fixture.fault({ match, times: 0, do: { ignoreRange: true } });
    const [first, second] = [await receive(cache.fetch(path)), await receive(cache.fetch(path))];
    expect(first.whole || second.whole).toBe(true); // those who followed the ranges are broken off, if they were sent any
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
    expect((await fixture.requests({ repository: name })).length).toBeLessThan(10);
  });

  // docker-registry 2.8: its 416 has a wrong length, and Go then closes the connection, which workerd has taken again.
  it.each(["GET", "HEAD"])(
    "an empty blob, and a connection that ends after 416: %s first",
    async (method) => {
      const { digest, path, match } = await blob(0);
      if (method === "HEAD")
        await fixture.fault({ match: { ...match, method }, do: { status: 405 } });
      await fixture.fault({
        match: { ...match, method: "GET", ranged: true },
        times: 0,
        do: { lastOnSocket: true, truncateTo: 0 },
      });
      expect((await cache.fetch(path, { method })).status).toBe(200);
      expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
    },
  );

  it("less than was asked for, each time", async () => {
    const { digest, path, match } = await blob(9 * MiB);
    await fixture.fault({ match, times: 0, do: { truncateTo: MiB } });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
  });

  it.each([1000, 20 * MiB])("no length, and a HEAD that is refused (%i bytes)", async (size) => {
    const { digest, path, match } = await blob(size);
    await fixture.fault({ match: { ...match, method: "HEAD" }, times: 0, do: { status: 404 } });
    await fixture.fault({ match, times: 0, do: { ignoreRange: true, chunked: true } });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
  });
});

it.each(["bytes=-1000", `bytes=${8 * MiB}-${SIZE - 1}`])(
  "a cold range that reaches a damaged end does not end cleanly: %s",
  async (range) => {
    const { path, match } = await blob(SIZE);
    await fixture.fault({ match, times: 0, do: { corruptAt: SIZE - 1 } });
    const received = await receive(cache.fetch(path, { headers: { Range: range } }));
    expect(received).toMatchObject({ status: 206, whole: false });
  },
);

describe("an upstream that hangs takes no other down", () => {
  it.each(["blob", "manifest"] as const)("%s", async (kind) => {
    const [hanging, healthy] = [repository("hanging"), repository("healthy")];
    const body = { schemaVersion: 2, annotations: { name: hanging } };
    const { digest } =
      kind === "blob"
        ? await fixture.blob(healthy, { seed: seedOf(healthy), size: 5000 })
        : await fixture.manifest(healthy, body);
    await fixture.fault({ match: { repository: hanging }, times: 0, do: { hold: hanging } });
    const path = (prefix: string, name: string) => `${prefix}/${name}/${kind}s/${digest}`;
    // Held before its headers, on a door of the fixture that asks for a token first.
    const first = cache.fetch(path("impatient", hanging));
    await fixture.held(hanging);
    const second = receive(cache.fetch(path("open", healthy)));
    expect((await first).status).toBe(504);
    expect(await second).toMatchObject({ whole: true, digest });
  });
});
