// Ranges of blobs: the same answers warm and while the fill is running.

import { describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { bytes, seedOf } from "../support/fixture.ts";
import { MiB, receive } from "../support/transfers.ts";

const SEGMENT = 8 * MiB;
const SIZE = 3 * SEGMENT + 1000;
const cache = new Cache({
  RULES: [{ prefix: "one", upstream: fixture.url("open"), connections: 2 }],
});

const RANGES: [string, number, number][] = [
  ["bytes=0-0", 0, 0],
  ["bytes=5-9", 5, 9],
  [`bytes=${SEGMENT - 3}-${SEGMENT + 3}`, SEGMENT - 3, SEGMENT + 3],
  [`bytes=${SEGMENT}-${2 * SEGMENT - 1}`, SEGMENT, 2 * SEGMENT - 1],
  [`bytes=${SEGMENT + 1}-${3 * SEGMENT + 1}`, SEGMENT + 1, 3 * SEGMENT + 1],
  [`bytes=${SIZE - 1}-`, SIZE - 1, SIZE - 1],
  [`bytes=${2 * SEGMENT + 5}-`, 2 * SEGMENT + 5, SIZE - 1],
  ["bytes=-10", SIZE - 10, SIZE - 1],
  [`bytes=-${SIZE * 2}`, 0, SIZE - 1],
  [`bytes=10-${SIZE * 2}`, 10, SIZE - 1],
];

async function blob(size = SIZE) {
  const name = repository("ranged");
  const seed = seedOf(name);
  const { digest } = await fixture.blob(name, { seed, size });
  return { name, seed, path: `one/${name}/blobs/${digest}` };
}

async function expectRange(
  path: string,
  seed: number,
  [header, first, last]: [string, number, number],
) {
  const response = await cache.fetch(path, { headers: { Range: header } });
  expect(response.status).toBe(206);
  expect(response.headers.get("content-range")).toBe(`bytes ${first}-${last}/${SIZE}`);
  expect(response.headers.get("content-length")).toBe(String(last - first + 1));
  const body = new Uint8Array(await response.arrayBuffer());
  expect(Buffer.compare(body, bytes(seed, first, last + 1))).toBe(0);
}

describe("warm", async () => {
  const { seed, path } = await blob();
  await receive(cache.fetch(path));
  it.each(RANGES)("%s", (...range) => expectRange(path, seed, range));
});

describe("on a blob that nobody has pulled", () => {
  it.each(RANGES)("%s", async (...range) => {
    const { seed, path } = await blob();
    await expectRange(path, seed, range);
  });
});

it("a range far ahead of a running fill is fetched first", async () => {
  const { name, seed, path } = await blob();
  // The first segment's transfer is stuck; its lane with it. The other lane goes where it is wanted.
  await fixture.fault({
    match: { repository: name, kind: "blob" },
    do: { hold: name, after: 100 },
  });
  const whole = receive(cache.fetch(path));
  await fixture.held(name);
  await expectRange(path, seed, [
    `bytes=${3 * SEGMENT + 1}-${3 * SEGMENT + 10}`,
    3 * SEGMENT + 1,
    3 * SEGMENT + 10,
  ]);
  await fixture.release(name);
  expect(await whole).toMatchObject({ whole: true });
});

it.each([
  ["warm", true],
  ["cold", false],
])("an unsatisfiable range is 416 with the size, %s", async (_, warm) => {
  const { path } = await blob();
  if (warm) await receive(cache.fetch(path));
  const response = await cache.fetch(path, { headers: { Range: `bytes=${SIZE}-` } });
  expect(response.status).toBe(416);
  expect(response.headers.get("content-range")).toBe(`bytes */${SIZE}`);
});

it("a cold range at an upstream without ranges is the whole, from zero", async () => {
  const { name, path } = await blob();
  await fixture.fault({ match: { repository: name }, times: 0, do: { ignoreRange: true } });
  const received = await receive(
    cache.fetch(path, { headers: { Range: `bytes=${2 * SEGMENT}-` } }),
  );
  expect(received).toMatchObject({ status: 200, size: SIZE });
});

describe("an empty blob", () => {
  it.each(["sha256", "sha512"] as const)("is pulled, and has no range (%s)", async (algorithm) => {
    const name = repository("empty");
    const { digest } = await fixture.blob(name, new Uint8Array(0), algorithm);
    const path = `one/${name}/blobs/${digest}`;
    for (const _ of ["cold", "warm"]) {
      const response = await cache.fetch(path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-length")).toBe("0");
      expect(await receive(response)).toMatchObject({ whole: true, size: 0 });
    }
    expect((await cache.fetch(path, { headers: { Range: "bytes=0-" } })).status).toBe(416);
  });
});

it("a blob named by its sha512 is verified by it", async () => {
  const name = repository("sha512");
  for (const size of [1000, 10 * MiB]) {
    const { digest } = await fixture.blob(name, { seed: size, size }, "sha512");
    expect(await receive(cache.fetch(`one/${name}/blobs/${digest}`))).toMatchObject({
      whole: true,
      size,
    });
    expect((await cache.fetch(`one/${name}/blobs/${digest}`)).headers.get("cache-status")).toMatch(
      /^entrepot-(r2|edge); hit$/,
    );
  }
});
