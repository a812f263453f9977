// Minimum age: what is kept of a held tag, and what earlier versions have stored.

import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CatalogObject } from "../../src/catalog/object.ts";
import { openFills } from "../../src/fill/open.ts";
import type { TagFill } from "../../src/fill/tag/tag-fill.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { type History, sighted } from "../../src/policy/sightings.ts";
import { contentsOf, targetOf } from "../../src/prewarm/warming.ts";
import type { Pull } from "../../src/pull/pull.ts";
import { agedTag } from "../../src/pull/tag-age.ts";
import { TagStore } from "../../src/store/tags.ts";
import { ruleOf } from "../config/rules.ts";
import { apartPath, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { AGE, ask, bindings, digestAt, HOUR, MINUTE, moved, push, sourceAt } from "./aging.ts";

afterEach(() => void vi.restoreAllMocks());

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
    { title: "long ago is old enough", ago: 4 * HOUR, status: 200 },
    { title: "lately is not", ago: HOUR, status: 403 },
  ])("that recorded the digest $title", async ({ ago, status }) => {
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
