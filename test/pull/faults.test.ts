// When the upstream fails: each fault, for what is cached and fresh, cached and stale, and not cached; what the client gets,
// and how often the upstream was asked.

import { afterEach, describe, expect, it, vi } from "vitest";
import { untouchable } from "../support/bindings.ts";
import { apartPath, Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import type { Fault, Server } from "../support/fixture.ts";

afterEach(() => vi.useRealTimers());

const MINUTE = 60_000;

interface FaultCase {
  name: string;
  fault: Fault;
  /** What is answered where nothing is cached. */
  status: number;
  code: string;
  /** The upstream's status, as Cache-Status tells it. */
  upstreamStatus?: number;
  /** What is asked for a tag: HEAD, and GET where its HEAD does not say. */
  methods: string[];
}

const FAULTS: FaultCase[] = [
  { name: "hangs up", fault: { reset: true }, status: 502, code: "UNAVAILABLE", methods: ["HEAD"] },
  { name: "hangs", fault: { hold: "" }, status: 504, code: "UNAVAILABLE", methods: ["HEAD"] },
  {
    name: "500",
    fault: { status: 500 },
    status: 502,
    code: "UNAVAILABLE",
    upstreamStatus: 500,
    methods: ["HEAD"],
  },
  {
    name: "502",
    fault: { status: 502 },
    status: 502,
    code: "UNAVAILABLE",
    upstreamStatus: 502,
    methods: ["HEAD"],
  },
  {
    name: "503",
    fault: { status: 503 },
    status: 503,
    code: "UNAVAILABLE",
    upstreamStatus: 503,
    methods: ["HEAD"],
  },
  {
    name: "504",
    fault: { status: 504 },
    status: 504,
    code: "UNAVAILABLE",
    upstreamStatus: 504,
    methods: ["HEAD"],
  },
  {
    name: "429",
    fault: { status: 429, headers: { "retry-after": "30" } },
    status: 429,
    code: "TOOMANYREQUESTS",
    upstreamStatus: 429,
    methods: ["HEAD"],
  },
  {
    name: "429 without a word",
    fault: { status: 429 },
    status: 429,
    code: "TOOMANYREQUESTS",
    upstreamStatus: 429,
    methods: ["HEAD"],
  },
  {
    name: "401",
    fault: { status: 401 },
    status: 401,
    code: "UNAUTHORIZED",
    upstreamStatus: 401,
    methods: ["HEAD", "GET"],
  },
  {
    name: "403",
    fault: { status: 403 },
    status: 403,
    code: "DENIED",
    upstreamStatus: 403,
    methods: ["HEAD", "GET"],
  },
  {
    name: "a loop of redirects",
    fault: { redirect: "loop" },
    status: 502,
    code: "UNAVAILABLE",
    methods: ["HEAD"],
  },
];

/** How long an upstream that hangs is waited for. Where it answers, however slowly a busy machine does, nothing is cut short. */
const patienceWith = (fault?: Fault) => ({
  firstByteTimeout: fault?.hold === undefined ? "20s" : "1s",
});

async function stage(hint: string, fields: object = {}) {
  const name = repository(hint);
  const image = await fixture.image(name, "1");
  const cache = cacheApart({ tagTtl: "1m", ...fields });
  const paths = {
    tag: `manifests/1`,
    digest: `manifests/${image.digest}`,
    blob: `blobs/${image.layers[0]?.digest}`,
  };
  return { name, image, cache, paths };
}

async function pull(cache: Cache, path: string, init: RequestInit = {}) {
  const response = await cache.fetch(path, init);
  const body = new Uint8Array(await response.arrayBuffer());
  const { status, headers } = response;
  const get = (header: string) => headers.get(header);
  return {
    status,
    body,
    text: new TextDecoder().decode(body),
    cacheStatus: get("cache-status"),
    get,
  };
}

async function breakUpstream(name: string, fault: Fault, server?: Server): Promise<void> {
  const held = fault.hold === undefined ? {} : { hold: `${name}-hold` };
  const match = { repository: name, ...(server && { server }) };
  await fixture.fault({ match, times: 0, do: { ...fault, ...held } });
}

/** What the upstream was asked since. */
async function askedSince(name: string, before: number): Promise<string[]> {
  const records = await fixture.requests({ repository: name });
  return records
    .slice(before)
    .filter(({ server }) => server !== "cdn")
    .map(({ method }) => method);
}

const countOf = async (name: string) => (await fixture.requests({ repository: name })).length;

function later(time: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + time });
}

describe.each(FAULTS)("the upstream: $name", ({ fault, status, code, upstreamStatus, methods }) => {
  const fwd = upstreamStatus === undefined ? "" : `; fwd-status=${upstreamStatus}`;

  it("a cached fresh tag is served without an upstream request", async () => {
    const { name, image, cache, paths } = await stage("fresh", patienceWith(fault));
    await pull(cache, `open/${name}/${paths.tag}`);
    await breakUpstream(name, fault);
    const before = await countOf(name);
    const pulled = await pull(cache, `open/${name}/${paths.tag}`);
    expect(pulled).toMatchObject({ status: 200, body: image.bytes });
    expect(pulled.cacheStatus).toBe("entrepot-memory; hit");
    expect(pulled.get("warning")).toBeNull();
    expect(await askedSince(name, before)).toEqual([]);
  });

  it("a cached stale tag is served, labelled, and checked once", async () => {
    const { name, image, cache, paths } = await stage("stale", patienceWith(fault));
    await pull(cache, `open/${name}/${paths.tag}`);
    await breakUpstream(name, fault);
    later(10 * MINUTE);
    const before = await countOf(name);
    for (const method of ["GET", "HEAD", "GET"]) {
      const pulled = await pull(cache, `open/${name}/${paths.tag}`, { method });
      expect(pulled).toMatchObject({
        status: 200,
        body: method === "GET" ? image.bytes : new Uint8Array(),
        cacheStatus: `entrepot; hit; fwd=stale${fwd}`,
      });
      expect(pulled.get("docker-content-digest")).toBe(image.digest);
      expect(Number(pulled.get("age"))).toBeGreaterThanOrEqual(600);
      expect(pulled.get("warning")).toMatch(/^299 - ".+; serving the tag as of 10 min ago"$/);
    }
    expect(await askedSince(name, before)).toEqual(methods);
  });

  it.each(["digest", "blob"] as const)("a cached %s is served", async (kind) => {
    const { name, cache, paths } = await stage("cached", patienceWith(fault));
    const first = await pull(cache, `open/${name}/${paths[kind]}`);
    await breakUpstream(name, fault);
    later(100 * 24 * 60 * MINUTE);
    const before = await countOf(name);
    const again = await pull(cache, `open/${name}/${paths[kind]}`);
    expect(again).toMatchObject({ status: 200, body: first.body });
    expect(again.cacheStatus).toMatch(/^entrepot-(edge|kv|r2); hit$/);
    expect(again.get("warning")).toBeNull();
    expect(await askedSince(name, before)).toEqual([]);
  });

  it.each(["tag", "digest", "blob"] as const)(
    "a %s that is not cached fails, with the upstream's meaning",
    async (kind) => {
      const { name, cache, paths } = await stage("missing", patienceWith(fault));
      await breakUpstream(name, fault);
      const pulled = await pull(cache, `open/${name}/${paths[kind]}`);
      expect(pulled.status).toBe(status);
      expect(JSON.parse(pulled.text)).toMatchObject({ errors: [{ code }] });
      if (upstreamStatus)
        expect(pulled.cacheStatus).toBe(`entrepot; fwd=uri-miss; fwd-status=${upstreamStatus}`);
      if (status === 429) expect(Number(pulled.get("retry-after"))).toBeGreaterThan(0);
      expect(await askedSince(name, 0)).toEqual(kind === "tag" ? methods : ["GET"]);
    },
  );

  it("a token service with this fault: a stale tag is served, and uncached content fails", async () => {
    const { name, image, cache, paths } = await stage("token", patienceWith(fault));
    await pull(cache, `bearer/${name}/${paths.tag}`);
    await fixture.revoke(name);
    await breakUpstream(name, fault, "token");
    later(10 * MINUTE);
    const stale = await pull(cache, `bearer/${name}/${paths.tag}`);
    expect(stale).toMatchObject({
      status: 200,
      body: image.bytes,
      cacheStatus: `entrepot; hit; fwd=stale${fwd}`,
    });
    later(2 * MINUTE);
    for (const kind of ["digest", "blob"] as const) {
      const path = `bearer/${name}/${paths[kind]}`;
      const pulled = await pull(cache, path);
      if (kind === "digest") expect(pulled.status).toBe(200);
      else expect(pulled.status).toBe(status);
    }
  });
});

describe("a tag that the upstream does not have any more", () => {
  it("is 404 once it is stale; its manifest can still be pulled by digest", async () => {
    const { name, image, cache, paths } = await stage("gone");
    await pull(cache, `open/${name}/${paths.tag}`);
    await fixture.remove(name, "1");
    expect((await pull(cache, `open/${name}/${paths.tag}`)).status).toBe(200);
    later(2 * MINUTE);
    const before = await countOf(name);
    for (let at = 0; at < 3; at++) {
      const gone = await pull(cache, `open/${name}/${paths.tag}`);
      expect(gone.status).toBe(404);
      expect(JSON.parse(gone.text)).toMatchObject({ errors: [{ code: "MANIFEST_UNKNOWN" }] });
    }
    expect(await askedSince(name, before)).toEqual(["HEAD", "GET"]);
    expect((await pull(cache, `open/${name}/${paths.digest}`)).body).toEqual(image.bytes);
    // An outage does not bring it back.
    await breakUpstream(name, { status: 503 });
    later(MINUTE);
    expect((await pull(cache, `open/${name}/${paths.tag}`)).status).toBe(503);
    later(10 * MINUTE);
    expect((await pull(cache, `open/${name}/${paths.tag}`)).status).toBe(503);
  });

  it("is served on where the rule says keepDeleted, and says so", async () => {
    const { name, image, cache, paths } = await stage("kept", { keepDeleted: true });
    await pull(cache, `open/${name}/${paths.tag}`);
    await fixture.remove(name, "1");
    later(2 * MINUTE);
    const before = await countOf(name);
    for (let at = 0; at < 3; at++) {
      const kept = await pull(cache, `open/${name}/${paths.tag}`);
      expect(kept).toMatchObject({ status: 200, body: image.bytes });
      expect(kept.cacheStatus).toBe("entrepot; hit; fwd=stale; fwd-status=404");
      expect(kept.get("warning")).toContain("no longer has this tag");
    }
    expect(await askedSince(name, before)).toEqual(["HEAD", "GET"]);
    // It comes back as another.
    const other = await fixture.image(name, "1", { seed: `${name}-2` });
    later(2 * MINUTE);
    const back = await pull(cache, `open/${name}/${paths.tag}`);
    expect(back).toMatchObject({ status: 200, body: other.bytes });
    expect(back.get("warning")).toBeNull();
  });
});

it("a tag that one rule keeps is gone for another of the same upstream", async () => {
  const name = repository("kept-by-one");
  await fixture.image(name, "1");
  const rule = { upstream: fixture.url("open") + apartPath(), tagTtl: "1m" };
  const RULES = [
    { ...rule, prefix: "keeps", keepDeleted: true },
    { ...rule, prefix: "lets-go" },
  ];
  const cache = new Cache({ RULES });
  await pull(cache, `keeps/${name}/manifests/1`);
  await fixture.remove(name, "1");
  later(2 * MINUTE);
  expect((await pull(cache, `keeps/${name}/manifests/1`)).status).toBe(200);
  expect((await pull(cache, `lets-go/${name}/manifests/1`)).status).toBe(404);
  // Nor is it served, as one that is kept, to a rule that does not keep it, while the tag's object is out of reach.
  const cut = new Cache({ RULES, TAG_FILL: untouchable("TAG_FILL") });
  expect((await pull(cut, `lets-go/${name}/manifests/1`)).status).toBe(500);
});

describe("stale tags are served", () => {
  it.each([
    {
      title: "for seven days, unless the rule says otherwise",
      fields: {},
      fault: { status: 503 },
      within: 6 * 24 * 60,
      beyond: 8 * 24 * 60,
    },
    {
      title: "for as long as the rule says",
      fields: { staleIfError: "2h" },
      fault: { status: 503 },
      within: 118,
      beyond: 125,
    },
    {
      title: "for an hour where the credentials are refused",
      fields: {},
      fault: { status: 401 },
      within: 58,
      beyond: 65,
    },
    {
      title: "for an hour where they are forbidden",
      fields: { staleIfError: "3d" },
      fault: { status: 403 },
      within: 58,
      beyond: 65,
    },
    {
      title: "not that long where the rule says less",
      fields: { staleIfError: "5m" },
      fault: { status: 403 },
      within: 4,
      beyond: 7,
    },
    {
      title: "not at all where the rule says so",
      fields: { staleIfError: "0s" },
      fault: { status: 503 },
      within: 0,
      beyond: 2,
    },
  ])("$title", async ({ fields, fault, within, beyond }) => {
    const { name, cache, paths } = await stage("served", fields);
    await pull(cache, `open/${name}/${paths.tag}`);
    const begun = Date.now();
    await breakUpstream(name, fault);
    later(within * MINUTE);
    expect((await pull(cache, `open/${name}/${paths.tag}`)).status).toBe(200);
    later(begun + beyond * MINUTE - Date.now());
    expect((await pull(cache, `open/${name}/${paths.tag}`)).status).toBe(fault.status);
  });
});

describe("a tag that has moved to what cannot be fetched", () => {
  it("keeps its old digest for GET and HEAD until the new manifest can be fetched", async () => {
    const { name, image, cache, paths } = await stage("limited");
    await pull(cache, `open/${name}/${paths.tag}`);
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    await fixture.rateLimit({
      server: "open",
      repository: name,
      limit: 100,
      remaining: 0,
      retryAfter: 30,
    });
    later(2 * MINUTE);
    for (const method of ["HEAD", "GET", "HEAD"]) {
      const pulled = await pull(cache, `open/${name}/${paths.tag}`, { method });
      expect(pulled.get("docker-content-digest")).toBe(image.digest);
      expect(pulled.cacheStatus).toBe("entrepot; hit; fwd=stale; fwd-status=429");
    }
    await fixture.rateLimit({ server: "open", repository: name, limit: 100, remaining: 5 });
    later(MINUTE);
    const pulled = await pull(cache, `open/${name}/${paths.tag}`);
    expect(pulled).toMatchObject({ status: 200, body: moved.bytes });
    expect(pulled.get("warning")).toBeNull();
  });
});

describe("an upstream that cannot be reached at all", () => {
  it.each([
    ["no such host", { upstream: "http://nobody.invalid", insecure: true }],
    ["no server listens", { upstream: "http://127.0.0.1:1" }],
    ["no TLS there", { upstream: `https://${fixture.host("open")}` }],
  ])("%s: 502", async (_, fields) => {
    const cache = new Cache({ RULES: [{ prefix: "dead", ...fields }] });
    for (const path of ["manifests/1", `blobs/sha256:${"a".repeat(64)}`, "tags/list"]) {
      const pulled = await pull(cache, `dead/x/${path}`);
      expect(pulled.status).toBe(502);
      expect(JSON.parse(pulled.text)).toMatchObject({ errors: [{ code: "UNAVAILABLE" }] });
    }
  });
});
