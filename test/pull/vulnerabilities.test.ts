// Vulnerabilities of what is pulled: refused or reported by tag, by digest, for children and blobs alike, by what scanners found.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import type { Digest } from "../../src/oci/digest.ts";
import type { Vulnerability } from "../../src/policy/verdict.ts";
import { openScans } from "../../src/scanning/open.ts";
import { access, api, shut } from "../support/access.ts";
import { untouchable } from "../support/bindings.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { type Image, TYPES } from "../support/fixture.ts";
import { pullWhole } from "../support/lifecycle.ts";
import { eventually } from "../support/waiting.ts";

const OPEN = JSON.stringify({ mode: "open", acknowledgeOpen: true });
const scans = openScans(env as unknown as Env);
const path = apartPath();

afterEach(() => {
  vi.restoreAllMocks();
});

let count = 0;
/** Caches of one upstream: each is an isolate of its own, with a rule of its own. */
function cacheWith(fields: object, overrides: object = {}) {
  count += 1;
  const rule = `vulnerable-${count}`;
  const RULES = [{ prefix: rule, upstream: fixture.url("open") + path, ...fields }];
  const cache = new Cache({ ...shut(), AUTH: OPEN, RULES, ...overrides });
  // A host of its own, and with it an edge cache.
  const host = `${rule}.example`;
  return { rule, cache, host };
}

const ENFORCED = {
  vulnerabilities: { refuse: "critical", fixableOnly: true },
  vulnerabilitiesMode: "enforce",
};
const EXCEPTION = { id: "CVE-2026-1", until: "2099-01-01", reason: "not reachable" };
const plain = cacheWith({});

const hole = (id: string, more: Partial<Vulnerability> = {}): Vulnerability => ({
  id,
  severity: "critical",
  package: "openssl",
  version: "1",
  fixedBy: "2",
  fixable: true,
  ...more,
});
const reported = (digest: string, ...vulnerabilities: Vulnerability[]) =>
  scans(digest as Digest).put(
    digest as Digest,
    { scanner: "trivy", scannedAt: Date.now(), by: "a test", vulnerabilities },
    Date.now(),
  );

async function cached(hint: string, seed = repository(hint)): Promise<Image & { name: string }> {
  const image = await fixture.image(seed, "1");
  await pullWhole(plain.cache, `${plain.rule}/${seed}`, "1", image);
  await plain.cache.settled();
  return { ...image, name: seed };
}

const waysTo = ({ digest, config, layers }: Image): [method: string, path: string][] => [
  ["GET", "manifests/1"],
  ["HEAD", "manifests/1"],
  ["GET", `manifests/${digest}`],
  ["HEAD", `manifests/${digest}`],
  ["GET", `blobs/${config.digest}`],
  ["GET", `blobs/${layers[0]?.digest}`],
  ["HEAD", `blobs/${layers[0]?.digest}`],
];

async function statuses(
  { rule, cache, host }: ReturnType<typeof cacheWith>,
  image: Image & { name: string },
): Promise<number[]> {
  const found: number[] = [];
  for (const [method, end] of waysTo(image)) {
    const response = await cache.fetch(`${rule}/${image.name}/${end}`, { method }, host);
    if (response.ok) await response.arrayBuffer();
    found.push(response.status);
  }
  await cache.settled();
  return found;
}

const all = (status: number) => Array(7).fill(status);

describe("an image with what the rule refuses", () => {
  it("is refused by tag, by digest and for its blobs, with a sentence that says why", async () => {
    const image = await cached("refused");
    await reported(image.digest, hole("CVE-2026-1"));
    const enforcing = cacheWith(ENFORCED);
    expect(await statuses(enforcing, image)).toEqual(all(403));
    const { rule, cache } = enforcing;
    const response = await cache.fetch(`${rule}/${image.name}/manifests/1`);
    expect(await response.json()).toEqual({
      errors: [
        {
          code: "DENIED",
          detail: null,
          message: `${image.digest} is refused by the rule "${rule}": fixable vulnerability that is critical: CVE-2026-1 (critical, in openssl, fixed by 2)`,
        },
      ],
    });
  });

  it("is served in report mode, and told of", async () => {
    const image = await cached("told");
    await reported(image.digest, hole("CVE-2026-1"));
    const reporting = cacheWith({ ...ENFORCED, vulnerabilitiesMode: undefined });
    expect(await statuses(reporting, image)).toEqual(all(200));
    await eventually(async () => {
      const answer = await api(reporting.cache, "GET", "events?latest=true&n=100");
      const { events } = (await answer.json()) as {
        events: { what: string; digest?: string; detail?: string }[];
      };
      const told = events.find(
        ({ what, digest }) => what === "pull.denied" && digest === image.digest,
      );
      expect(told?.detail).toMatch(/^would be refused: .*CVE-2026-1/);
    });
  });

  it("is served by a rule without the check, and by one that refuses other things", async () => {
    const image = await cached("other");
    await reported(image.digest, hole("CVE-2026-1", { severity: "high" }));
    expect(await statuses(plain, image)).toEqual(all(200));
    expect(await statuses(cacheWith(ENFORCED), image)).toEqual(all(200));
  });

  it("is served again once its scanner finds nothing", async () => {
    const image = await cached("healed");
    await reported(image.digest, hole("CVE-2026-1"));
    expect(await statuses(cacheWith(ENFORCED), image)).toEqual(all(403));
    await reported(image.digest);
    expect(await statuses(cacheWith(ENFORCED), image)).toEqual(all(200));
  });

  it("is served within the grace period, and refused after it", async () => {
    const image = await cached("graceful");
    const id = `CVE-2026-${Math.floor(Math.random() * 1e9)}`;
    await reported(image.digest, hole(id));
    const { vulnerabilities } = ENFORCED;
    const graceful = (grace: string) =>
      cacheWith({ ...ENFORCED, vulnerabilities: { ...vulnerabilities, grace } });
    expect(await statuses(graceful("1d"), image)).toEqual(all(200));
    expect(await statuses(graceful("1ms"), image)).toEqual(all(403));
  });
});

describe("an index", () => {
  it("passes; each platform is decided by itself, and a blob by any image that names it", async () => {
    const name = repository("platforms");
    const [bad, good] = (await Promise.all(
      ["amd64", "arm64"].map((architecture) =>
        fixture.image(name, undefined, {
          seed: `${name}-${architecture}`,
          platform: { os: "linux", architecture },
        }),
      ),
    )) as [Image, Image];
    const index = await fixture.index(name, "1", [bad, good]);
    await plain.cache.bytes(`${plain.rule}/${name}/manifests/1`);
    for (const one of [bad, good])
      await pullWhole(plain.cache, `${plain.rule}/${name}`, one.digest, one);
    await plain.cache.settled();
    await reported(bad.digest, hole("CVE-2026-1"));
    const { rule, cache } = cacheWith(ENFORCED);
    const get = async (end: string, headers: Record<string, string> = {}) => {
      const response = await cache.fetch(`${rule}/${name}/${end}`, { headers });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await get("manifests/1")).toBe(200);
    expect(await get(`manifests/${index.digest}`)).toBe(200);
    expect(await get(`manifests/${good.digest}`)).toBe(200);
    expect(await get(`blobs/${good.layers[0]?.digest}`)).toBe(200);
    expect(await get(`manifests/${bad.digest}`)).toBe(403);
    expect(await get(`blobs/${bad.layers[0]?.digest}`)).toBe(403);
    // The client accepts no index, and is given the amd64 manifest.
    const single = { Accept: "application/vnd.oci.image.manifest.v1+json" };
    expect(await get("manifests/1", single)).toBe(403);
  });

  it("passes where images that were not scanned are refused, and its platforms do not", async () => {
    const name = repository("unscanned-index");
    const image = await fixture.image(name, undefined);
    await fixture.index(name, "1", [image]);
    const strict = { vulnerabilities: { refuse: "critical", unscanned: "refuse" } };
    const { rule, cache } = cacheWith({ ...strict, vulnerabilitiesMode: "enforce" });
    expect((await cache.fetch(`${rule}/${name}/manifests/1`)).status).toBe(200);
    const child = await cache.fetch(`${rule}/${name}/manifests/${image.digest}`);
    expect(child.status).toBe(403);
    expect(await child.text()).toContain("no scanner has reported on it");
  });
});

describe("an allowance", () => {
  const allow = (digest: string) =>
    access.allow({
      digest,
      until: Date.now() + 60 * 60_000,
      reason: "INC-1",
      who: "anyone",
      at: Date.now(),
    });

  it("of an image lets it and its blobs pass, once as many persons as the rule asks for are behind it", async () => {
    const image = await cached("allowed");
    await reported(image.digest, hole("CVE-2026-1"));
    expect(await statuses(cacheWith(ENFORCED), image)).toEqual(all(403));
    await allow(image.digest);
    expect(await statuses(cacheWith(ENFORCED), image)).toEqual(all(200));
    expect(await statuses(cacheWith({ ...ENFORCED, allowancePeople: 2 }), image)).toEqual(all(403));
  });

  it("of an index covers its platforms and their blobs", async () => {
    const name = repository("allowed-index");
    const image = { ...(await fixture.image(name, undefined)), name };
    const index = await fixture.index(name, "1", [image]);
    await plain.cache.bytes(`${plain.rule}/${name}/manifests/1`);
    await pullWhole(plain.cache, `${plain.rule}/${name}`, image.digest, image);
    await plain.cache.settled();
    await reported(image.digest, hole("CVE-2026-1"));
    const parts = async () => (await statuses(cacheWith(ENFORCED), image)).slice(2);
    expect(await parts()).toEqual(all(403).slice(2));
    await allow(index.digest);
    expect(await parts()).toEqual(all(200).slice(2));
  });
});

describe("an image that was not scanned", () => {
  it("is served by default, cold and warm", async () => {
    const name = repository("unscanned");
    const image = { ...(await fixture.image(name, "1")), name };
    const enforcing = cacheWith(ENFORCED);
    expect(await statuses(enforcing, image)).toEqual(all(200));
    expect(await statuses(enforcing, image)).toEqual(all(200));
  });

  it("is refused with unscanned = refuse, until a scanner has reported", async () => {
    const image = await cached("strict");
    const strict = { vulnerabilities: { refuse: "critical", unscanned: "refuse" } };
    const rule = { ...strict, vulnerabilitiesMode: "enforce" };
    expect(await statuses(cacheWith(rule), image)).toEqual(all(403));
    await reported(image.digest);
    expect(await statuses(cacheWith(rule), image)).toEqual(all(200));
  });
});

it("two rules of one upstream do not share what lets a blob pass", async () => {
  const image = await cached("shared");
  await reported(image.digest, hole("CVE-2026-1"));
  const upstream = fixture.url("open") + path;
  const lenient = { vulnerabilities: { refuse: "critical", ignore: [EXCEPTION] } };
  const RULES = [
    { prefix: "lenient", upstream, ...lenient, vulnerabilitiesMode: "enforce" },
    { prefix: "strict", upstream, ...ENFORCED },
  ];
  const cache = new Cache({ ...shut(), AUTH: OPEN, RULES });
  const asked = async (rule: string) => {
    const response = await cache.fetch(`${rule}/${image.name}/blobs/${image.config.digest}`);
    await response.arrayBuffer();
    return response.status;
  };
  expect([await asked("lenient"), await asked("strict")]).toEqual([200, 403]);
});

it("a blob passes no longer than the allowance of its image", async () => {
  const image = await cached("ended");
  await reported(image.digest, hole("CVE-2026-1"));
  const HOUR = 60 * 60_000;
  const until = Date.now() + HOUR;
  const { digest } = image;
  await access.allow({ digest, until, reason: "INC-1", who: "anyone", at: Date.now() });
  const { rule, cache } = cacheWith(ENFORCED);
  const asked = async () => {
    const response = await cache.fetch(`${rule}/${image.name}/blobs/${image.config.digest}`);
    await response.arrayBuffer();
    return response.status;
  };
  later(HOUR - 5_000);
  expect(await asked()).toBe(200);
  later(6_000);
  expect(await asked()).toBe(403);
});

it("the digest by the other algorithm is refused like the one that was scanned", async () => {
  const image = await cached("twin");
  await reported(image.digest, hole("CVE-2026-1"));
  const twin = await fixture.manifest(image.name, image.bytes, { algorithm: "sha512" });
  const { rule, cache } = cacheWith(ENFORCED);
  for (const method of ["HEAD", "GET"]) {
    const { status } = await cache.fetch(`${rule}/${image.name}/manifests/${twin.digest}`, {
      method,
    });
    expect(status, method).toBe(403);
  }
});

it("a blob does not pass because an index names it as a manifest", async () => {
  const image = await cached("as-blob");
  await fixture.index(image.name, "2", [image]);
  await fixture.blob(image.name, image.bytes);
  await plain.cache.bytes(`${plain.rule}/${image.name}/manifests/2`);
  await plain.cache.settled();
  const strict = { vulnerabilities: { refuse: "critical", unscanned: "refuse" } };
  const { rule, cache } = cacheWith({ ...strict, vulnerabilitiesMode: "enforce" });
  const response = await cache.fetch(`${rule}/${image.name}/blobs/${image.digest}`);
  expect(response.status).toBe(403);
});

it("is decided in time, though a blob that the decision reads does not end", async () => {
  const name = repository("endless");
  const config = { mediaType: TYPES.oci.config, ...(await fixture.blob(name, "{}")) };
  const content = await fixture.blob(name, { seed: 7, size: 9 * 1024 * 1024 });
  const layers = [{ mediaType: "text/spdx+json", ...content }];
  const head = { schemaVersion: 2, mediaType: TYPES.oci.manifest };
  await fixture.manifest(name, { ...head, config, layers }, { tag: "1" });
  const strict = { vulnerabilities: { refuse: "critical", unscanned: "refuse" } };
  const fields = { ...strict, firstByteTimeout: "1s" };
  await fixture.fault({
    match: { repository: name, kind: "blob", reference: content.digest },
    times: 0,
    do: { hold: name, after: 1000 },
  });
  const asked = async ({ rule, cache, host }: ReturnType<typeof cacheWith>) => {
    const response = await cache.fetch(`${rule}/${name}/manifests/1`, {}, host);
    return response.status;
  };
  expect(await asked(cacheWith({ ...fields, vulnerabilitiesMode: "enforce" }))).toBe(503);
  expect(await asked(cacheWith(fields))).toBe(200);
  await fixture.release(name);
});

it("a warm manifest costs one lookup, and no object", async () => {
  const image = await cached("warm");
  await reported(image.digest);
  const { rule, cache } = cacheWith(ENFORCED);
  expect((await cache.fetch(`${rule}/${image.name}/manifests/1`)).status).toBe(200);
  await cache.settled();
  const warm = new Cache({
    ...shut(),
    AUTH: OPEN,
    RULES: [{ prefix: rule, upstream: fixture.url("open") + path, ...ENFORCED }],
    SCAN: untouchable("SCAN"),
    MANIFEST_FILL: untouchable("MANIFEST_FILL"),
    TAG_FILL: untouchable("TAG_FILL"),
  });
  expect((await warm.fetch(`${rule}/${image.name}/manifests/${image.digest}`)).status).toBe(200);
});

it("a verdict that cannot be read refuses with 503 where the rule enforces", async () => {
  const image = await cached("unread");
  await reported(image.digest, hole("CVE-2026-1"));
  const { META } = env as unknown as Env;
  const failing = {
    get: (key: string, type: never) =>
      key.startsWith("verdict:") ? Promise.resolve({ findings: 5 }) : META.get(key, type),
    getWithMetadata: META.getWithMetadata.bind(META),
    put: META.put.bind(META),
    delete: META.delete.bind(META),
  };
  const { rule, cache } = cacheWith(ENFORCED, { META: failing });
  const response = await cache.fetch(`${rule}/${image.name}/manifests/${image.digest}`);
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "30"]);
  expect(await response.text()).toContain("cannot determine the vulnerabilities");
});
