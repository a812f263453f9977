// HEAD lies: it is refused, or says 404, or next to nothing, where GET gives content. GET settles it, until HEAD has shown that it can be
// believed.

import { afterEach, describe, expect, it, vi } from "vitest";
import { HeadRecord, isBelieved, withConfirmation } from "../../src/upstream/health/head-trust.ts";
import { apartPath, type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { type Fault, TYPES } from "../support/fixture.ts";

afterEach(() => vi.useRealTimers());

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function later(time: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + time });
}

async function headFault(name: string, fault: Fault): Promise<number> {
  return fixture.fault({ match: { repository: name, method: "HEAD" }, times: 0, do: fault });
}

async function ask(cache: Cache, path: string, method = "GET") {
  const response = await cache.fetch(path, { method });
  const body = new Uint8Array(await response.arrayBuffer());
  const { status, headers } = response;
  return {
    status,
    body,
    digest: headers.get("docker-content-digest"),
    type: headers.get("content-type"),
    length: headers.get("content-length"),
    text: new TextDecoder().decode(body),
  };
}

/** Methods of what the upstream was asked, from that request on. */
async function requestsOf(name: string, from = 0): Promise<string[]> {
  const records = await fixture.requests({ repository: name });
  return records.slice(from).map(({ method }) => method);
}

const NOTHING: Fault = {
  headers: { "content-type": "text/html" },
  omitDigest: true,
  chunked: true,
};

const LIES: [what: string, fault: Fault][] = [
  ...[300, 304, 400, 401, 403, 404, 405, 406, 409, 410, 411, 415, 416, 451, 501].map(
    (status): [string, Fault] => [`answers ${status}`, { status }],
  ),
  ["answers 401 with a challenge", { status: 401, headers: { "www-authenticate": "Basic" } }],
  ["tells a length of 0", { headers: { "content-length": "0" } }],
  ["tells no length", { chunked: true }],
  ["tells no digest", { omitDigest: true }],
  ["tells no digest, and a length of 0", { omitDigest: true, headers: { "content-length": "0" } }],
  ["tells an empty digest", { digestHeader: "" }],
  ["tells no type", { headers: { "content-type": "application/octet-stream" } }],
  ["tells nothing", NOTHING],
  ["tells of 204", { status: 204, omitDigest: true }],
  ["tells more than a manifest has", { headers: { "content-length": "4194305" } }],
];

describe.each(LIES)("where HEAD %s, and GET works", (_, fault) => {
  it.each(["HEAD", "GET"])(
    "%s gives what is there, right in length, digest and type",
    async (method) => {
      const name = repository("lies");
      const image = await fixture.image(name, "1", { layers: [5000] });
      const other = await fixture.image(name, undefined, { seed: `${name}-2` });
      const [layer] = image.layers;
      await headFault(name, fault);
      const cache = cacheApart();
      const tag = { status: 200, digest: image.digest, type: TYPES.oci.manifest };
      const [size, otherSize] = [String(image.size), String(other.size)];
      expect(await ask(cache, `open/${name}/manifests/1`, method)).toMatchObject({
        ...tag,
        length: size,
      });
      expect(await ask(cache, `open/${name}/manifests/${other.digest}`, method)).toMatchObject({
        status: 200,
        digest: other.digest,
        type: TYPES.oci.manifest,
        length: otherSize,
      });
      const blob = await ask(cache, `open/${name}/blobs/${layer?.digest}`, method);
      // A blob may have any length: what an upstream tells of one that is not here is told on.
      const isTold = fault.headers?.["content-length"] === "4194305" && method === "HEAD";
      expect(blob).toMatchObject({
        status: 200,
        digest: layer?.digest,
        ...(!isTold && { length: "5000" }),
      });
      // And the other method after it, of what may be here by now.
      const next = method === "GET" ? "HEAD" : "GET";
      expect(await ask(cache, `open/${name}/manifests/1`, next)).toMatchObject({
        ...tag,
        length: size,
      });
      const gets = await fixture.requests({ repository: name, method: "GET", kind: "manifest" });
      expect(gets.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(2);
    },
  );
});

it("a tag is requested by one GET before it is refused, and a cached one before it is dropped", async () => {
  const name = repository("dropped");
  const image = await fixture.image(name, "1");
  const cache = cacheApart({ tagTtl: "1m" });
  expect((await ask(cache, `open/${name}/manifests/1`)).body).toEqual(image.bytes);
  const lie = await headFault(name, { status: 404 });
  expect(await ask(cache, `open/${name}/manifests/none`)).toMatchObject({ status: 404 });
  expect(await requestsOf(name, 2)).toEqual(["HEAD", "GET"]);
  for (const method of ["HEAD", "GET"]) {
    later(2 * MINUTE);
    const before = (await requestsOf(name)).length;
    const kept = await ask(cache, `open/${name}/manifests/1`, method);
    expect(kept).toMatchObject({ status: 200, digest: image.digest, length: String(image.size) });
    expect(await requestsOf(name, before)).toEqual(["HEAD", "GET"]);
  }
  // One that has moved is found by GET too.
  const moved = await fixture.image(name, "1", { seed: `${name}-2` });
  later(2 * MINUTE);
  expect((await ask(cache, `open/${name}/manifests/1`)).body).toEqual(moved.bytes);
  await fixture.heal({ id: lie });
  await fixture.remove(name, "1");
  later(2 * MINUTE);
  const before = (await requestsOf(name)).length;
  for (const method of ["GET", "HEAD"])
    expect(await ask(cache, `open/${name}/manifests/1`, method)).toMatchObject({ status: 404 });
  expect(await requestsOf(name, before)).toEqual(["HEAD", "GET"]);
});

it.each([
  [429, 429],
  [503, 503],
  [500, 502],
  [403, 403],
])(
  "where the GET that would confirm a 404 is answered %i, that is the answer, and what is cached stays",
  async (fault, status) => {
    const name = repository("unconfirmed");
    const image = await fixture.image(name, "1");
    const cache = cacheApart({ tagTtl: "1m" });
    await ask(cache, `open/${name}/manifests/1`);
    await headFault(name, { status: 404 });
    await fixture.fault({
      match: { repository: name, method: "GET" },
      times: 0,
      do: { status: fault },
    });
    later(2 * MINUTE);
    expect((await ask(cache, `open/${name}/manifests/1`)).body).toEqual(image.bytes);
    later(2 * MINUTE);
    expect((await ask(cache, `open/${name}/manifests/none`)).status).toBe(status);
  },
);

describe("HEAD is believed", () => {
  async function miss(cache: Cache, name: string, hint: string): Promise<string[]> {
    const before = (await requestsOf(name)).length;
    expect((await ask(cache, `open/${name}/manifests/${hint}`)).status).toBe(404);
    return requestsOf(name, before);
  }
  const both = ["HEAD", "GET"];

  it("for a day after 20 confirmations that agree, but for a sample", async () => {
    const name = repository("believed");
    const image = await fixture.image(name, "1");
    const [path, fields] = [apartPath(), { tagTtl: "1m" }];
    const cache = cacheApart(fields, {}, path);
    await ask(cache, `open/${name}/manifests/1`);
    for (let at = 0; at < 20; at++) expect(await miss(cache, name, `none-${at}`)).toEqual(both);
    // By the upstream's object: another isolate knows it too.
    const isolate = cacheApart(fields, {}, path);
    for (let at = 0; at < 10; at++)
      expect(await miss(isolate, name, `more-${at}`)).toEqual(["HEAD"]);
    const digest = `sha256:${"a".repeat(64)}`;
    const before = (await requestsOf(name)).length;
    expect((await ask(cache, `open/${name}/manifests/${digest}`, "HEAD")).status).toBe(404);
    // Of blobs nothing was confirmed yet.
    expect((await ask(cache, `open/${name}/blobs/${digest}`, "HEAD")).status).toBe(404);
    expect(await requestsOf(name, before)).toEqual(["HEAD", ...both]);
    later(2 * MINUTE);
    // A lie is found by the sample, while it is asked for; what was cached is lost till then.
    const lie = await headFault(name, { status: 404 });
    const statuses: number[] = [];
    for (let at = 0; at < 20; at++) {
      later(2 * MINUTE);
      statuses.push((await ask(cache, `open/${name}/manifests/1`)).status);
    }
    expect(statuses.lastIndexOf(404)).toBeLessThan(19);
    expect(statuses.at(-1)).toBe(200);
    // From then on it is not believed for a week, whatever agrees.
    await fixture.heal({ id: lie });
    for (let at = 0; at < 25; at++) expect(await miss(cache, name, `later-${at}`)).toEqual(both);
    expect((await ask(cache, `open/${name}/manifests/1`)).body).toEqual(image.bytes);
  });

  it("no longer than that, and not after a wrong answer", async () => {
    let trust = withConfirmation(undefined, true, 0);
    for (let at = 1; at < 19; at++) trust = withConfirmation(trust, true, at);
    expect(isBelieved(trust, 20)).toBe(false);
    expect(withConfirmation(withConfirmation(trust, false, 20), true, 21)).toMatchObject({
      agreed: 0,
    });
    trust = withConfirmation(trust, true, 20);
    expect([isBelieved(trust, DAY), isBelieved(trust, DAY + 21)]).toEqual([true, false]);
    expect(withConfirmation(trust, true, 21)).toBe(trust);
    // It counts from zero again.
    expect(withConfirmation(trust, true, 2 * DAY)).toEqual({ agreed: 1 });
    const lied = withConfirmation(trust, false, 30);
    expect(isBelieved(lied, 31)).toBe(false);
    expect(withConfirmation(lied, false, 31)).toBe(lied);
    expect(withConfirmation(lied, true, 6 * DAY)).toBe(lied);
    expect(withConfirmation(lied, false, DAY)).toEqual({ agreed: 0, liedAt: DAY });
    expect(withConfirmation(lied, true, 8 * DAY)).toEqual({ agreed: 1 });
  });

  it("again after its object was reset", async () => {
    const stored = new Map<string, unknown>();
    const storage = {
      get: async (key: string) => stored.get(key),
      put: async (key: string, value: unknown) => void stored.set(key, structuredClone(value)),
    } as unknown as ConstructorParameters<typeof HeadRecord>[0];
    const before = new HeadRecord(storage);
    for (let at = 0; at < 20; at++) await before.confirm("blob", true, at);
    const after = new HeadRecord(storage);
    await after.load();
    expect(after.doubt("blob", 100)).toEqual({});
    expect(after.doubt("manifest", 100)).toEqual({ doubtsHead: true });
    expect(after.doubt("tags", 100)).toEqual({});
  });
});

describe("no manifest has 0 bytes", () => {
  const empty = `sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`;
  it.each<[string, Fault]>([
    ["with the digest of nothing", { digestHeader: empty, truncateTo: 0 }],
    ["with the right digest", { truncateTo: 0 }],
    ["without a digest", { omitDigest: true, truncateTo: 0 }],
    ["without a length", { omitDigest: true, truncateTo: 0, chunked: true }],
  ])("%s: nothing is kept, nor passed on; what is cached stays", async (_, fault) => {
    const name = repository("empty");
    const image = await fixture.image(name, "1");
    const cached = cacheApart({ tagTtl: "1m" });
    await ask(cached, `open/${name}/manifests/1`);
    await fixture.fault({ match: { repository: name, kind: "manifest" }, times: 0, do: fault });
    const cold = cacheApart({ tagTtl: "1m" });
    later(2 * MINUTE);
    for (const method of ["HEAD", "GET"]) {
      for (const reference of ["1", image.digest, empty]) {
        const { status, length } = await ask(cold, `open/${name}/manifests/${reference}`, method);
        expect(status).toBeGreaterThanOrEqual(400);
        if (method === "GET") expect(length).not.toBe("0");
      }
      const kept = await ask(cached, `open/${name}/manifests/1`, method);
      expect(kept).toMatchObject({ status: 200, digest: image.digest, length: String(image.size) });
    }
    await fixture.heal({ repository: name });
    later(2 * MINUTE);
    expect((await ask(cold, `open/${name}/manifests/1`)).body).toEqual(image.bytes);
  });
});

it("referrers are found under their tag though HEAD says 404", async () => {
  const name = repository("referred");
  const image = await fixture.image(name, "1");
  const referrer = await fixture.referrer(name, image, "application/vnd.example.signature");
  await fixture.index(name, image.digest.replace(":", "-"), [referrer]);
  await fixture.settings(name, { referrers: false });
  await headFault(name, { status: 404 });
  const { text } = await ask(cacheApart(), `open/${name}/referrers/${image.digest}`);
  expect(JSON.parse(text).manifests).toMatchObject([{ digest: referrer.digest }]);
});

describe("a link that is a day old, and that the catalog does not keep", () => {
  it.each<{ title: string; fault: Fault; isGone: boolean }>([
    { title: "stays where HEAD says 404 and GET gives it", fault: { status: 404 }, isGone: false },
    {
      title: "stays where HEAD is refused and GET gives it",
      fault: { status: 405 },
      isGone: false,
    },
    { title: "ends where HEAD is refused and GET says 404", fault: { status: 405 }, isGone: true },
    { title: "ends where both say 404", fault: { status: 404 }, isGone: true },
  ])("$title", async ({ fault, isGone }) => {
    const name = repository("linked");
    const image = await fixture.image(name, undefined);
    const digests = [image.digest, image.config.digest];
    const paths = [`open/${name}/manifests/${digests[0]}`, `open/${name}/blobs/${digests[1]}`];
    const path = apartPath();
    const cache = cacheApart({}, {}, path);
    for (const each of paths) await ask(cache, each);
    await cache.settled();
    await headFault(name, fault);
    if (isGone) for (const digest of digests) await fixture.remove(name, digest);
    later(2 * DAY);
    const CATALOG = { idFromName: () => "", get: () => ({}) };
    const again = cacheApart({}, { CATALOG }, path);
    for (const each of paths) expect((await ask(again, each)).status).toBe(200);
    await again.settled();
    later(2 * MINUTE);
    const offline = cacheApart({}, { OFFLINE: true }, path);
    for (const each of paths) {
      const { status } = await offline.fetch(each, {}, "new.example");
      expect(status).toBe(isGone ? 404 : 200);
    }
  });
});
