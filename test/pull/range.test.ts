// Ranges of blobs: the same answers warm and while the fill is running.

import { describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { bytes, seedOf } from "../support/fixture.ts";
import { MiB, receive } from "../support/transfers.ts";

const SEGMENT = 8 * MiB;
const SIZE = 2 * SEGMENT + 1000;
/** One segment more, where a range is to be far ahead. */
const LARGE = 3 * SEGMENT + 1000;
const cache = new Cache({
  RULES: [{ prefix: "one", upstream: fixture.url("open"), connections: 2 }],
});

const RANGES: [string, number, number][] = [
  ["bytes=0-0", 0, 0],
  ["bytes=5-9", 5, 9],
  [`bytes=${SEGMENT - 3}-${SEGMENT + 3}`, SEGMENT - 3, SEGMENT + 3],
  [`bytes=${SEGMENT}-${2 * SEGMENT - 1}`, SEGMENT, 2 * SEGMENT - 1],
  [`bytes=1-${2 * SEGMENT + 1}`, 1, 2 * SEGMENT + 1],
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
  size = SIZE,
) {
  const response = await cache.fetch(path, { headers: { Range: header } });
  expect(response.status).toBe(206);
  expect(response.headers.get("content-range")).toBe(`bytes ${first}-${last}/${size}`);
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
  const { name, seed, path } = await blob(LARGE);
  // The first segment's transfer is stuck; its lane with it. The other lane goes where it is wanted.
  await fixture.fault({
    match: { repository: name, kind: "blob" },
    do: { hold: name, after: 100 },
  });
  const whole = receive(cache.fetch(path));
  await fixture.held(name);
  const [first, last] = [3 * SEGMENT + 1, 3 * SEGMENT + 10];
  await expectRange(path, seed, [`bytes=${first}-${last}`, first, last], LARGE);
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

/** As eStargz, SOCI and zstd:chunked read: a footer by its suffix, a table of contents before it, then many small parts side by side, at and
 * across the borders of segments, some of them twice. */
describe("many small ranges side by side", () => {
  const around = [0, SEGMENT, 2 * SEGMENT, 3 * SEGMENT].flatMap((border) =>
    [-70_001, -65_536, -51, -1, 0, 1, 4_096].map((off) => border + off),
  );
  const starts = [...around.filter((at) => at >= 0 && at < LARGE), 12_345_678, 20_000_001, 123_456];
  const lengths = [1, 51, 4_096, 131_072];
  const small = starts.flatMap((first, at): [string, number, number][] => {
    const last = Math.min(LARGE, first + (lengths[at % lengths.length] as number)) - 1;
    return [[`bytes=${first}-${last}`, first, last]];
  });
  const suffixes = [1, 51, 72, 1_000, 1_001, 65_536].map((length): [string, number, number] => [
    `bytes=-${length}`,
    LARGE - length,
    LARGE - 1,
  ]);
  const ALL = [...suffixes, ...small, ...small.slice(0, 6)];

  it("are right, cold and warm, and have the upstream give each byte once", async () => {
    const { name, seed, path } = await blob(LARGE);
    for (const _ of ["cold", "warm"])
      await Promise.all(ALL.map((range) => expectRange(path, seed, range, LARGE)));
    const requests = await fixture.requests({ repository: name, kind: "blob", method: "GET" });
    const sent = requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    expect(sent).toBeLessThan(LARGE + SEGMENT);
    const before = requests.length;
    // The whole, whose digest says that no range has left a wrong byte.
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, size: LARGE });
    expect(await fixture.requests({ repository: name, kind: "blob", method: "GET" })).toHaveLength(
      before,
    );
  });

  it("of a blob in one segment too", async () => {
    const size = 100_000;
    const { seed, path } = await blob(size);
    for (const _ of ["cold", "warm"])
      await Promise.all(
        [
          [0, 0],
          [99_999, 99_999],
          [5, 70_000],
          [65_535, 65_536],
        ].map(async ([first = 0, last = 0]) => {
          const headers = { Range: `bytes=${first}-${last}` };
          const response = await cache.fetch(path, { headers });
          expect([response.status, response.headers.get("content-range")]).toEqual([
            206,
            `bytes ${first}-${last}/${size}`,
          ]);
          const body = new Uint8Array(await response.arrayBuffer());
          expect(Buffer.compare(body, bytes(seed, first, last + 1))).toBe(0);
        }),
      );
  });
});

describe.each(["cold", "warm"])("what a server may ignore, and what it may not: %s", (state) => {
  const digestOf = (path: string) => path.split("/").at(-1) as string;
  /** Two segments are enough for what headers mean. */
  const LENGTH = SEGMENT + 1_000;
  let warm: ReturnType<typeof blob> | undefined;
  const pulled = async () => {
    const one = await blob(LENGTH);
    await receive(cache.fetch(one.path));
    return one;
  };
  it.each<[string, Record<string, string>, number, "HEAD"?]>([
    ["the validator that the blob has", { Range: "bytes=5-9", "If-Range": "" }, 206],
    ["a weak one, which never matches", { Range: "bytes=5-9", "If-Range": "W/" }, 200],
    ["that of another blob", { Range: "bytes=5-9", "If-Range": '"other"' }, 200],
    ["a date", { Range: "bytes=5-9", "If-Range": "Wed, 21 Oct 2015 07:28:00 GMT" }, 200],
    [
      "another validator, with a range beyond the end",
      { Range: `bytes=${LENGTH}-`, "If-Range": '"x"' },
      200,
    ],
    ["several ranges", { Range: "bytes=0-1,5-9" }, 200],
    ["several, with spaces and a suffix", { Range: "bytes=0-0, 100-200, -5" }, 200],
    ["several, one of them beyond the end", { Range: `bytes=0-1,${LENGTH}-` }, 200],
    ["another unit", { Range: "items=0-1" }, 200],
    ["a range that ends before it begins", { Range: "bytes=9-5" }, 200],
    ["no numbers", { Range: "bytes=-" }, 200],
    ["a range beyond the end", { Range: `bytes=${LENGTH}-${LENGTH + 5}` }, 416],
    ["no bytes of the end", { Range: "bytes=-0" }, 416],
    ["HEAD, for which a range means nothing", { Range: "bytes=5-9" }, 200, "HEAD"],
  ])("%s", async (_, given, status, method) => {
    if (state === "warm") warm ??= pulled();
    const { seed, path } = await (warm ?? blob(LENGTH));
    const own = `"${digestOf(path)}"`;
    const headers = { ...given };
    if (headers["If-Range"] === "") headers["If-Range"] = own;
    if (headers["If-Range"] === "W/") headers["If-Range"] = `W/${own}`;
    const response = await cache.fetch(path, { headers, method: method ?? "GET" });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-range")).toBe(
      { 200: null, 206: `bytes 5-9/${LENGTH}`, 416: `bytes */${LENGTH}` }[status],
    );
    if (status !== 416)
      expect([response.headers.get("accept-ranges"), response.headers.get("etag")]).toEqual([
        "bytes",
        own,
      ]);
    if (method) expect(response.headers.get("content-length")).toBe(String(LENGTH));
    else if (status === 206)
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes(seed, 5, 10));
    else if (status === 200)
      expect(await receive(response)).toMatchObject({ size: LENGTH, digest: digestOf(path) });
  });
});
