// Minimum age of tags, from the pull: what is served while a tag is held, how it is said, what the upstream is asked, and attacks.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CatalogObject } from "../../src/catalog/object.ts";
import { openCatalog } from "../../src/catalog/open.ts";
import type { Env } from "../../src/env.ts";
import { openFills } from "../../src/fill/open.ts";
import type { TagFill } from "../../src/fill/tag/tag-fill.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { type History, sighted } from "../../src/policy/sightings.ts";
import type { Source } from "../../src/policy/source.ts";
import { contentsOf, targetOf } from "../../src/prewarm/warming.ts";
import type { Pull } from "../../src/pull/pull.ts";
import { agedTag } from "../../src/pull/tag-age.ts";
import { TagStore } from "../../src/store/tags.ts";
import { ruleOf } from "../config/rules.ts";
import { problemOf } from "../http/problem.ts";
import { laggingKv } from "../support/bindings.ts";
import { apartPath, type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import type { Image, ManifestInfo } from "../support/fixture.ts";
import { eventually } from "../support/waiting.ts";

const bindings = env as unknown as Env;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const catalog = openCatalog(bindings);

afterEach(() => void vi.restoreAllMocks());

const AGE = { minimumAge: "3h", minimumAgeFirst: "serve", tagTtl: "30m" };

async function ask(cache: Cache, path: string, init: RequestInit = {}) {
  const response = await cache.fetch(`open/${path}`, init);
  await response.arrayBuffer();
  const { headers, status } = response;
  return {
    status,
    digest: headers.get("docker-content-digest"),
    until: headers.get("entrepot-held-until"),
    warning: headers.get("warning"),
  };
}

const digestAt = async (cache: Cache, path: string) => (await ask(cache, path)).digest;

const asked = async (name: string) =>
  (await fixture.requests({ repository: name })).map(
    ({ method, reference }) => `${method} ${reference}`,
  );

/** A rule's source, as the cache under test has it. */
function sourceAt(path: string, name: string, fields: object): Source {
  const upstream = fixture.url("open") + path;
  return { rule: ruleOf({ prefix: "open", upstream, ...fields }), repository: name };
}

/** A tag that is old enough, whose upstream then moves it to a digest that has just been seen. */
async function moved(hint: string, fields: object = {}, overrides: object = {}) {
  const name = repository(hint);
  const path = apartPath();
  const cache = cacheApart({ ...AGE, ...fields }, { ...overrides }, path);
  const tag = `${name}/manifests/1`;
  const old = await fixture.image(name, "1");
  expect(await digestAt(cache, tag)).toBe(old.digest);
  later(4 * HOUR);
  expect(await digestAt(cache, tag)).toBe(old.digest);
  const young = await push(name, "young");
  later(HOUR);
  const seenAt = Date.now();
  expect(await digestAt(cache, tag)).toBe(old.digest);
  return { name, path, cache, tag, old, young, seenAt, fields: { ...AGE, ...fields } };
}

const push = (name: string, seed: string, tag = "1") =>
  fixture.image(name, tag, { seed: `${name}-${seed}` });

async function retag(name: string, image: ManifestInfo, tag = "1"): Promise<void> {
  await fixture.manifest(name, image.bytes, { tag });
}

async function removeAll(name: string, { digest, config, layers }: Image) {
  for (const one of [digest, config.digest, ...layers.map((layer) => layer.digest)])
    await fixture.remove(name, one);
}

describe("a tag that has moved", () => {
  it("keeps its old digest, labelled on GET, HEAD and 304, until it was seen for the minimum age", async () => {
    const { cache, tag, old, young, seenAt } = await moved("moved");
    for (const init of [
      {},
      { method: "HEAD" },
      { headers: { "If-None-Match": `"${old.digest}"` } },
    ]) {
      const { status, digest, until, warning } = await ask(cache, tag, init);
      expect(status).toBe("headers" in init ? 304 : 200);
      expect(digest).toBe(old.digest);
      expect(new Date(until ?? "").getTime() - (seenAt + 3 * HOUR)).toBeLessThan(MINUTE);
      expect(warning).toContain(`held at an older digest: it has meant ${young.digest} since`);
    }
    later(2.9 * HOUR);
    expect(await digestAt(cache, tag)).toBe(old.digest);
    later(0.2 * HOUR);
    expect(await ask(cache, tag)).toMatchObject({ digest: young.digest, until: null });
    // And stays.
    later(HOUR);
    expect(await digestAt(cache, tag)).toBe(young.digest);
  });

  it("has its new manifest fetched once, when it is first seen, and is checked no more often than others", async () => {
    const { cache, tag, old, young, name } = await moved("fetched");
    const before = ["HEAD 1", `GET ${old.digest}`, "HEAD 1", "HEAD 1", `GET ${young.digest}`];
    await eventually(async () => expect(await asked(name)).toEqual(before));
    for (let at = 0; at < 3; at++) await ask(cache, tag);
    expect(await asked(name)).toEqual(before);
    later(4 * HOUR);
    expect(await digestAt(cache, tag)).toBe(young.digest);
    expect(await asked(name)).toEqual([...before, "HEAD 1"]);
  });

  it("grows older by checks alone: after days without one the clock has not run", async () => {
    const { cache, tag, old, young } = await moved("unseen");
    later(100 * HOUR);
    // The check that comes now confirms that it still means it: seen for long enough.
    expect(await digestAt(cache, tag)).toBe(young.digest);
    expect(young.digest).not.toBe(old.digest);
  });

  it("is checked even if it is immutable, until it is old enough", async () => {
    const { cache, tag, young, name } = await moved("immutable");
    const immutable = cacheApart({ ...AGE, immutableTags: ["*"] });
    const image = await fixture.image(name, "2");
    const other = immutable;
    expect(await digestAt(other, `${name}/manifests/2`)).toBe(image.digest);
    later(4 * HOUR);
    expect(await digestAt(cache, tag)).toBe(young.digest);
    const count = (await asked(name)).filter((one) => one === "HEAD 2").length;
    later(4 * HOUR);
    expect(await digestAt(other, `${name}/manifests/2`)).toBe(image.digest);
    expect((await asked(name)).filter((one) => one === "HEAD 2")).toHaveLength(count);
  });

  it("can be pulled by its new digest at once: someone decided on it", async () => {
    const { cache, name, young } = await moved("digest");
    expect(await ask(cache, `${name}/manifests/${young.digest}`)).toMatchObject({
      status: 200,
      until: null,
    });
  });

  it("is held under each rule by its own age, of one upstream", async () => {
    const { path, tag, young, old } = await moved("two");
    const none = cacheApart({ tagTtl: "30m" }, {}, path);
    const short = cacheApart({ ...AGE, minimumAge: "10m" }, {}, path);
    const long = cacheApart({ ...AGE, minimumAge: "20h" }, {}, path);
    expect(await ask(none, tag)).toMatchObject({ digest: young.digest, until: null });
    expect(await digestAt(short, tag)).toBe(old.digest);
    later(15 * MINUTE);
    expect(await digestAt(short, tag)).toBe(young.digest);
    expect(await digestAt(long, tag)).toBe(old.digest);
    expect(await digestAt(none, tag)).toBe(young.digest);
  });

  it("in report mode is served, and the request says what would have been refused", async () => {
    const { cache, tag, young, name } = await moved("report", { minimumAgeMode: "enforce" });
    const log = vi.spyOn(console, "log");
    const reporting = cacheApart({ ...AGE, minimumAgeMode: "report" });
    const image = await fixture.image(name, "2");
    const fresh = cacheApart({ ...AGE, minimumAgeMode: "report", minimumAgeFirst: "refuse" });
    expect(await ask(fresh, `${name}/manifests/2`)).toMatchObject({
      digest: image.digest,
      until: null,
    });
    const lines = log.mock.calls
      .map(([line]) => String(line))
      .filter((one) => one.includes("wouldRefuse"));
    expect(lines.join()).toContain("is too young");
    expect(await digestAt(reporting, `${name}/manifests/2`)).toBe(image.digest);
    expect(await digestAt(cache, tag)).not.toBe(young.digest);
  });

  it("passes where it is excepted", async () => {
    const { path, tag, name, young } = await moved("except");
    const cache = cacheApart({ ...AGE, minimumAgeExcept: [`${name}:1`] }, {}, path);
    expect(await digestAt(cache, tag)).toBe(young.digest);
  });

  it("keeps its old digest while the upstream is down", async () => {
    const { cache, tag, old, name } = await moved("down");
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 500 } });
    later(HOUR);
    expect(await ask(cache, tag)).toMatchObject({ status: 200, digest: old.digest });
    later(5 * HOUR);
    // Its time has come, but nothing has confirmed the new digest since.
    expect(await ask(cache, tag)).toMatchObject({ status: 200, digest: old.digest });
  });

  it("tells its hold and the end of it to the catalog", async () => {
    const { cache, tag, old, young, name } = await moved("told");
    const own = async () =>
      (await catalog.heldTags(undefined, 1000)).filter(({ place }) => place.endsWith(name));
    const [held] = await own();
    expect(held).toMatchObject({
      tag: "1",
      rule: "open",
      hold: { accepted: old.digest, candidate: young.digest, moves: 1 },
    });
    later(4 * HOUR);
    await digestAt(cache, tag);
    expect(await own()).toEqual([]);
    const events = (await catalog.happened(undefined, 200)).filter((one) =>
      one.place?.endsWith(name),
    );
    const told = events.filter(({ what }) => ["tag.held", "tag.released"].includes(what));
    expect(told).toMatchObject([
      { what: "tag.held", tag: "1", digest: young.digest, before: old.digest },
      { what: "tag.released", tag: "1", digest: young.digest, detail: "open: aged" },
    ]);
  });
});

describe("a tag that is first seen", () => {
  it("is refused where the registry does not say when it was pushed, with why, since when and until when", async () => {
    const name = repository("first");
    const cache = cacheApart({ minimumAge: "3h" });
    const { digest } = await fixture.image(name, "1");
    const response = await cache.fetch(`open/${name}/manifests/1`);
    expect(response.status).toBe(403);
    expect(response.headers.get("entrepot-held-until")).toMatch(/Z$/);
    const { code, message } = await problemOf(response);
    expect(code).toBe("DENIED");
    expect(message).toContain(`"${name}:1" is too young: it has meant ${digest} since`);
    expect(message).toContain("for 3 h");
    expect(message).toContain("does not say when it was pushed");
    expect(message).toContain("entrepot held release");
    expect((await ask(cache, `${name}/manifests/${digest}`)).status).toBe(200);
  });

  it("has its manifest fetched although it is refused, so that it can be scanned", async () => {
    const name = repository("first-fetched");
    const cache = cacheApart({ minimumAge: "3h" });
    const { digest } = await fixture.image(name, "1");
    expect((await ask(cache, `${name}/manifests/1`)).status).toBe(403);
    await eventually(async () => expect(await asked(name)).toEqual(["HEAD 1", `GET ${digest}`]));
    later(4 * HOUR);
    expect(await digestAt(cache, `${name}/manifests/1`)).toBe(digest);
  });

  it("is counted and told as denied", async () => {
    const name = repository("first-denied");
    const cache = cacheApart({ minimumAge: "3h", minimumAgeFirst: "refuse" });
    const { digest } = await fixture.image(name, "1");
    await ask(cache, `${name}/manifests/1`);
    await ask(cache, `${name}/manifests/1`);
    await cache.settled();
    await eventually(async () => {
      const events = (await catalog.happened(undefined, 200)).filter((one) =>
        one.place?.endsWith(name),
      );
      const denied = events.filter(({ what }) => what === "pull.denied");
      expect(denied).toMatchObject([{ tag: "1", digest }]);
    });
  });
});

describe("attack:", () => {
  it("a bad digest that is restored within the age is never served", async () => {
    const { cache, tag, old, name } = await moved("restored");
    await retag(name, old);
    later(HOUR);
    expect(await ask(cache, tag)).toMatchObject({ digest: old.digest, until: null });
    later(30 * HOUR);
    expect(await digestAt(cache, tag)).toBe(old.digest);
  });

  it("a bad digest that comes back starts anew", async () => {
    const { cache, tag, old, young, name } = await moved("back");
    for (let at = 0; at < 4; at++) {
      later(2 * HOUR);
      await retag(name, at % 2 === 0 ? old : young);
      later(HOUR);
      expect(await digestAt(cache, tag)).toBe(old.digest);
    }
    later(2 * HOUR);
    expect(await digestAt(cache, tag)).toBe(old.digest);
    later(2 * HOUR);
    expect(await digestAt(cache, tag)).toBe(young.digest);
  });

  it("a digest that was aged under another tag is not older for it", async () => {
    const { cache, name, old, tag } = await moved("aged-elsewhere");
    const bad = await push(name, "bad", "other");
    expect(await digestAt(cache, `${name}/manifests/other`)).toBe(bad.digest);
    later(10 * HOUR);
    expect(await digestAt(cache, `${name}/manifests/other`)).toBe(bad.digest);
    await retag(name, old);
    later(HOUR);
    expect(await digestAt(cache, tag)).toBe(old.digest);
    await retag(name, bad);
    later(HOUR);
    expect(await ask(cache, tag)).toMatchObject({ digest: old.digest, until: expect.any(String) });
  });

  it("a tag that moves faster than its age keeps its old digest, and says how often it moved", async () => {
    const { cache, tag, old, name } = await moved("fast");
    let last = {} as Awaited<ReturnType<typeof ask>>;
    for (let at = 0; at < 6; at++) {
      await push(name, `fast-${at}`);
      later(HOUR);
      last = await ask(cache, tag);
      expect(last.digest).toBe(old.digest);
    }
    expect(last.warning).toMatch(/it moved [34] times within that time/);
  });

  it("deleting the old digest upstream releases nothing: it is served from here", async () => {
    const { cache, tag, old, name } = await moved("gone-here");
    await removeAll(name, old);
    later(HOUR);
    expect(await ask(cache, tag)).toMatchObject({ status: 200, digest: old.digest });
    expect(await ask(cache, tag, { method: "HEAD" })).toMatchObject({ digest: old.digest });
  });

  it("where the old digest is neither here nor upstream, the tag is refused", async () => {
    const { cache, tag, old, young, name } = await moved("gone");
    await removeAll(name, old);
    await openFills(bindings).removeManifest(old.digest as Digest);
    later(10 * MINUTE); // copies nearby are over
    for (const init of [{}, { method: "HEAD" }, {}]) {
      const response = await cache.fetch(`open/${tag}`, init);
      expect(response.status).toBe(403);
      expect(response.headers.get("docker-content-digest")).toBeNull();
      if (init.method === undefined)
        expect((await problemOf(response)).message).toContain(`is held at ${old.digest}`);
      else await response.arrayBuffer();
    }
    later(4 * HOUR);
    expect(await digestAt(cache, tag)).toBe(young.digest);
  });

  it("a 404 of the old image's layer releases nothing", async () => {
    const { cache, tag, old, name } = await moved("layer");
    await removeAll(name, old);
    for (const layer of old.layers)
      expect((await ask(cache, `${name}/blobs/${layer.digest}`)).status).toBe(404);
    expect(await digestAt(cache, tag)).toBe(old.digest);
  });

  it("deleting the tag and pushing it anew is not a first push", async () => {
    const { cache, tag, old, name } = await moved("deleted");
    await fixture.remove(name, "1");
    later(HOUR);
    expect((await ask(cache, tag)).status).toBe(404);
    const bad = await push(name, "anew");
    later(HOUR);
    expect(await digestAt(cache, tag)).toBe(old.digest);
    later(4 * HOUR);
    expect(await digestAt(cache, tag)).toBe(bad.digest);
  });

  it("a tag that was deleted and is kept does not age", async () => {
    const { cache, tag, old, name } = await moved("kept", { keepDeleted: true });
    await fixture.remove(name, "1");
    for (let at = 0; at < 6; at++) {
      later(HOUR);
      expect(await ask(cache, tag)).toMatchObject({ digest: old.digest, until: "release" });
    }
  });

  it("a KV that lags, or has lost the tag, releases nothing", async () => {
    const { path, tag, old, name, cache } = await moved(
      "lagging",
      {},
      { META: laggingKv(bindings.META) },
    );
    expect(await digestAt(cache, tag)).toBe(old.digest);
    const { keys } = await bindings.META.list({ prefix: "tag:" });
    for (const key of keys) if (key.name.includes(name)) await bindings.META.delete(key.name);
    later(6 * MINUTE);
    const other = cacheApart(AGE, {}, path);
    expect(await ask(other, tag)).toMatchObject({ digest: old.digest, until: expect.any(String) });
  });
});

describe("what was served once", () => {
  it("is not taken back by a loss of KV, although the tag has moved on", async () => {
    const { path, tag, young, name, cache } = await moved("kept-in-r2");
    later(4 * HOUR);
    expect(await digestAt(cache, tag)).toBe(young.digest);
    await cache.settled();
    const { keys } = await bindings.META.list({ prefix: "tag:" });
    for (const key of keys) if (key.name.includes(name)) await bindings.META.delete(key.name);
    await push(name, "newer");
    later(HOUR);
    const source = sourceAt(path, name, {});
    const object = bindings.TAG_FILL.get(
      bindings.TAG_FILL.idFromName(`${source.rule.upstream.base}//${name}:1`),
    );
    await runInDurableObject(object, (one) => (one as unknown as TagFill).alarm());
    expect(await digestAt(cacheApart(AGE, {}, path), tag)).toBe(young.digest);
  });
});

describe("a digest that only a HEAD has named", () => {
  it("is none that the tag meant: what its GET finds is the first", async () => {
    const name = repository("head-wrong");
    const cache = cacheApart(AGE);
    const { digest } = await fixture.image(name, "1");
    const wrong = `sha256:${"7".repeat(64)}`;
    await fixture.fault({
      match: { repository: name, reference: "1", method: "HEAD" },
      times: 0,
      do: { headers: { "Docker-Content-Digest": wrong } },
    });
    expect(await ask(cache, `${name}/manifests/1`)).toMatchObject({ status: 200, digest });
    later(HOUR);
    expect(await ask(cache, `${name}/manifests/1`)).toMatchObject({ status: 200, digest });
  });
});

describe("a held tag", () => {
  it("keeps the digest that it serves among its former ones, however often it moves", async () => {
    const tags = new TagStore(bindings.META, bindings.BLOBS);
    const source = sourceAt(apartPath(), repository("former"), {});
    const digestOf = (at: number) => `sha256:${at.toString(16).padStart(64, "0")}` as Digest;
    let history = {
      seen: [{ digest: digestOf(0), since: 0, until: 4 * HOUR }],
      moves: [],
    } as History;
    await tags.record(source, "1", history, 0);
    for (let at = 1; at <= 30; at++) {
      history = sighted(history, digestOf(at), 4 * HOUR + at, 4 * HOUR + at);
      await tags.record(source, "1", history, 4 * HOUR + at);
    }
    const record = await tags.recorded(source, "1");
    expect(record?.former).toContain(digestOf(0));
    expect(record?.former.slice(0, 2)).toEqual([digestOf(29), digestOf(28)]);
    expect(record?.former.length).toBe(20);
  });

  it("is held although the catalog does not know holds, as one of an earlier version", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const tell = vi.spyOn(CatalogObject.prototype, "tellHold");
    tell.mockResolvedValue({ error: { code: "UNKNOWN", message: "no such method", status: 500 } });
    const { cache, tag, old, young } = await moved("older-catalog");
    expect(tell).toHaveBeenCalled();
    expect(await digestAt(cache, tag)).toBe(old.digest);
    later(4 * HOUR);
    expect(await digestAt(cache, tag)).toBe(young.digest);
  });

  it("has its new digest fetched by prewarming, which does not put it into force", async () => {
    const { path, cache, tag, old, young, name, fields } = await moved("prewarmed");
    const upstream = fixture.url("open") + path;
    const rules = [{ rule: ruleOf({ prefix: "open", upstream, ...fields }) }];
    const context = { config: { rules }, fills: openFills(bindings), quarantined: new Map() };
    const target = targetOf(context as never, `open/${name}:1`);
    const { digest } = await contentsOf(context as never, target, { platforms: ["linux/amd64"] });
    expect(digest).toBe(young.digest);
    expect(await digestAt(cache, tag)).toBe(old.digest);
  });

  it("stays held under a rule that is offline", async () => {
    const { path, tag, old } = await moved("offline");
    const offline = cacheApart({ ...AGE, offline: true }, {}, path);
    later(50 * HOUR);
    expect(await digestAt(offline, tag)).toBe(old.digest);
  });

  it("passes where its digest is allowed by break-glass", () => {
    const digest = `sha256:${"a".repeat(64)}` as Digest;
    const now = 1_750_000_000_000;
    const mapping = { digest, checkedAt: now, seen: [{ digest, since: now }] };
    const source = { rule: ruleOf({ minimumAge: "1d" }), repository: "x" };
    const allowed = (until: number) =>
      new Map([[digest, { digest, until, reason: "", who: "", at: 0 }]]);
    const finding = (allowances: ReturnType<typeof allowed>) =>
      agedTag({ source, tag: "1", pull: { now, allowances } as unknown as Pull }, mapping).finding;
    expect(finding(allowed(now + 1))).toBeUndefined();
    expect(finding(allowed(now))).toMatchObject({ check: "age", mode: "enforce" });
  });
});

describe("what an earlier version has stored", () => {
  /** As that version left it: a mapping without a history in KV, and a record without a body in R2. */
  async function stored(
    name: string,
    path: string,
    digest: string,
    recordedAt: number,
    at: number,
  ) {
    const source = sourceAt(path, name, {});
    const place = `${source.rule.upstream.base.replace("https://", "")}//${name}`;
    const mapping = { digest, checkedAt: at, recorded: true };
    await bindings.META.put(`tag:${place}:1`, JSON.stringify(mapping));
    const customMetadata = { digest, former: "", recordedAt: String(recordedAt), gone: "false" };
    await bindings.BLOBS.put(`tags/${place}:1`, "", { customMetadata });
    return source;
  }

  it.each([
    ["long ago is old enough", 4 * HOUR, 200],
    ["lately is not", HOUR, 403],
  ])("that recorded the digest %s", async (_, ago, status) => {
    const name = repository("earlier");
    const path = apartPath();
    const { digest } = await fixture.image(name, "1");
    const now = Date.now();
    const source = await stored(name, path, digest, now - ago, now - MINUTE);
    const cache = cacheApart({ ...AGE, minimumAgeFirst: "refuse" }, {}, path);
    expect((await ask(cache, `${name}/manifests/1`)).status).toBe(status);
    const record = await new TagStore(bindings.META, bindings.BLOBS).whole(source, "1");
    expect(record?.history.seen).toMatchObject([{ digest, since: now - ago }]);
  });

  it("under a rule that gets a minimum age while the upstream is down is judged by its record", async () => {
    const name = repository("earlier-down");
    const path = apartPath();
    const { digest } = await fixture.image(name, "1");
    const plain = cacheApart({ tagTtl: "30m" }, {}, path);
    expect(await digestAt(plain, `${name}/manifests/1`)).toBe(digest);
    const now = Date.now();
    await stored(name, path, digest, now - 5 * HOUR, now);
    later(6 * MINUTE);
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 500 } });
    const cache = cacheApart(AGE, {}, path);
    expect((await ask(cache, `${name}/manifests/1`)).status).toBe(200);
  });

  it("moves to a history that begins with what it recorded", async () => {
    const name = repository("earlier-moved");
    const path = apartPath();
    const old = await fixture.image(name, "1");
    const now = Date.now();
    const source = await stored(name, path, old.digest, now - 9 * HOUR, now - HOUR);
    const young = await push(name, "young");
    const cache = cacheApart(AGE, {}, path);
    expect(await digestAt(cache, `${name}/manifests/1`)).toBe(old.digest);
    const record = await new TagStore(bindings.META, bindings.BLOBS).whole(source, "1");
    expect(record?.history.seen).toMatchObject([
      { digest: old.digest, since: now - 9 * HOUR, until: now - HOUR },
      { digest: young.digest },
    ]);
  });
});
