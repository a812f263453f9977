// Minimum age of tags, from the pull: what is served while a tag is held, how it is said, what the upstream is asked, and attacks.

import { afterEach, describe, expect, it, vi } from "vitest";
import { openFills } from "../../src/fill/open.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { problemOf } from "../http/problem.ts";
import { laggingKv } from "../support/bindings.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { eventually } from "../support/waiting.ts";
import {
  AGE,
  ask,
  asked,
  bindings,
  catalog,
  digestAt,
  HOUR,
  MINUTE,
  moved,
  push,
  removeAll,
  retag,
} from "./aging.ts";

afterEach(() => void vi.restoreAllMocks());

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
