// What an isolate tells the catalog of its pulls: when, how often, and what of that nothing is lost.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Report, Reported } from "../../src/catalog/record/contract.ts";
import { meter } from "../../src/meter/meter.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { Reports } from "../../src/pull/reports.ts";
import { ruleOf } from "../config/rules.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { digestFor } from "../support/catalog.ts";
import { catalog, clean, pullWhole } from "../support/lifecycle.ts";
import { receive } from "../support/transfers.ts";
import { eventually } from "../support/waiting.ts";

const HOUR = 3_600_000;
const rule = ruleOf({ prefix: "hub", upstream: "registry.example" });
const source = (name: string) => ({ rule, repository: name });
const [X, Y] = ["x", "y"].map(digestFor) as [Digest, Digest];

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Reports to a catalog that answers as it is told, and requests that they are made behind. */
function reporting(every = 10_000) {
  const sent: Report[] = [];
  const answers: (Partial<Reported> | Error | Promise<Partial<Reported>>)[] = [];
  const healed: string[] = [];
  let heals = true;
  const reports = new Reports(
    {
      report: async (report) => {
        sent.push(structuredClone(report));
        const answer = (await answers.shift()) ?? {};
        if (answer instanceof Error) throw answer;
        return { marks: 0, lost: [], lostBlobs: [], ...answer };
      },
    },
    every,
    {
      image: async ({ pulled }) => {
        healed.push(pulled.digest);
        return heals;
      },
      blob: async ({ digest }) => {
        healed.push(digest);
        return true;
      },
    },
  );
  const works: Promise<unknown>[] = [];
  const visit = () => ({
    host: "",
    now: Date.now(),
    later: (work: Promise<unknown>) => void works.push(work),
  });
  return {
    reports,
    sent,
    answers,
    healed,
    visit,
    works,
    healNothing: () => {
      heals = false;
    },
    images: () =>
      sent.map(({ images }) =>
        images.map(({ place, digest, tag }) =>
          `${place} ${digest === X ? "x" : "y"} ${tag ?? ""}`.trim(),
        ),
      ),
  };
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const A = "registry.example//a";

describe("an image", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
  });

  it("is reported at once, and once per hour, place and name", async () => {
    const { reports, images, visit } = reporting();
    reports.image(source("a"), X, undefined, visit());
    await settle();
    expect(images()).toEqual([[`${A} x`]]);
    reports.image(source("a"), X, undefined, visit());
    await vi.advanceTimersByTimeAsync(HOUR - 30_000);
    reports.image(source("a"), X, undefined, visit());
    await settle();
    expect(images().flat()).toEqual([`${A} x`]);
    reports.image(source("b"), X, undefined, visit());
    reports.image(source("a"), X, { tag: "1", mapping: { digest: X, checkedAt: 1 } }, visit());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(images().flat().slice(1)).toEqual(["registry.example//b x", `${A} x 1`]);
    await vi.advanceTimersByTimeAsync(30_000);
    reports.image(source("a"), X, undefined, visit());
    await settle();
    expect(images().flat()).toHaveLength(4);
  });

  it("is reported once, although the report is itself a counted operation", async () => {
    const { reports, sent, visit } = reporting();
    meter.count("entrepot_requests", { rule: "hub", kind: "manifest", result: "hit" });
    reports.noted(visit());
    for (let at = 0; at < 5; at++) {
      await vi.advanceTimersByTimeAsync(10_000);
      meter.count("entrepot_platform_operations", { operation: "object_request" });
    }
    expect(sent).toHaveLength(1);
    reports.noted(visit());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toHaveLength(1);
    meter.count("entrepot_requests", { rule: "hub", kind: "manifest", result: "hit" });
    reports.noted(visit());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent[1]?.samples?.map(({ amount }) => amount)).toContain(5); // gone along
  });

  it("of many clients is one report; pulls in the meantime are in the next one", async () => {
    const { reports, sent, visit } = reporting();
    for (let at = 0; at < 100; at++) reports.image(source(`r${at % 20}`), X, undefined, visit());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent.length).toBeLessThanOrEqual(2);
    expect(sent.flatMap(({ images }) => images)).toHaveLength(20);
  });

  it("is reported again after a mark, also when its report was held back before", async () => {
    const { reports, images, answers, visit } = reporting();
    reports.image(source("a"), X, undefined, visit());
    await vi.advanceTimersByTimeAsync(10_000);
    reports.image(source("a"), X, undefined, visit()); // told within the hour
    await vi.advanceTimersByTimeAsync(1_000);
    reports.answered(source("a"), { hit: "kv" }, true, visit());
    answers.push({ marks: 1 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(images().flat()).toEqual([`${A} x`, `${A} x`]);
    // Once is enough.
    reports.answered(source("a"), { hit: "kv" }, true, visit());
    answers.push({ marks: 1 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(images().flat()).toHaveLength(2);
  });

  it("that was not pulled since the last report is not reported for a later mark", async () => {
    const { reports, images, answers, visit } = reporting();
    for (let round = 0; round < 2; round++) {
      reports.image(source("a"), X, undefined, visit());
      reports.answered(source("a"), { hit: "kv" }, true, visit());
      await vi.advanceTimersByTimeAsync(10_000);
    }
    reports.answered(source("b"), { hit: "kv" }, true, visit());
    answers.push({ marks: 1 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(images().flat()).toEqual([`${A} x`]);
  });

  it("that is lost is healed, and reported once more", async () => {
    const { reports, images, answers, healed, visit, healNothing } = reporting();
    answers.push({ lost: [{ place: A, digest: X, at: 0 }] });
    reports.image(source("a"), X, undefined, visit());
    await settle();
    expect(healed).toEqual([X]);
    expect(images().flat()).toEqual([`${A} x`, `${A} x`]);
    healNothing();
    answers.push({ lost: [{ place: A, digest: Y, at: 0 }] });
    reports.image(source("a"), Y, undefined, visit());
    await settle();
    expect(images().flat()).toHaveLength(3);
  });
});

describe("an image that is only asked for", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
  });

  it("is reported once per hour and place for any number of nodes, both places in one report", async () => {
    const { reports, sent, visit } = reporting();
    for (let minute = 0; minute < 180; minute++) {
      for (let node = 0; node < 1_000; node++)
        reports.checked(source(node % 2 === 0 ? "a" : "b"), X, visit());
      await settle();
      await vi.advanceTimersByTimeAsync(60_000);
    }
    const checked = sent.flatMap((one) => one.checked ?? []);
    expect(checked).toHaveLength(6);
    expect(checked.filter(({ place }) => place === A)).toHaveLength(3);
    expect(sent.flatMap(({ images }) => images)).toEqual([]);
    expect(sent).toHaveLength(3);
  });

  it("is reported again after a mark and after a failed report; a pull is reported beside it", async () => {
    const { reports, sent, answers, visit } = reporting();
    vi.spyOn(console, "warn").mockImplementation(() => {});
    answers.push(new Error("away"));
    reports.checked(source("a"), X, visit());
    await vi.advanceTimersByTimeAsync(30_000);
    const times = () => sent.flatMap((one) => one.checked ?? []).length;
    expect(times()).toBe(2);
    reports.checked(source("a"), X, visit()); // held back
    answers.push({ marks: 1 });
    reports.image(source("a"), X, undefined, visit());
    await vi.advanceTimersByTimeAsync(30_000);
    expect(times()).toBe(3);
    expect(sent.flatMap(({ images }) => images)).toHaveLength(1);
  });
});

describe("pulls by image", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse("2026-11-26T23:59:55Z") });
  });

  it("add up by day, place, digest and tag, also while the catalog is away", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { reports, sent, answers, visit } = reporting();
    answers.push(...Array.from({ length: 3 }, () => new Error("away")));
    for (const tag of ["1", "1", ""]) reports.counted(source("a"), X, tag, visit());
    await vi.advanceTimersByTimeAsync(60_000);
    reports.counted(source("a"), X, "1", visit());
    await vi.advanceTimersByTimeAsync(60_000);
    const pulls = sent.slice(3).flatMap((one) => one.pulls ?? []);
    const told1 = { place: A, digest: X, tag: "1" };
    expect(pulls).toEqual([
      { ...told1, day: "2026-11-26", pulls: 2 },
      { ...told1, day: "2026-11-26", tag: "", pulls: 1 },
      { ...told1, day: "2026-11-27", pulls: 1 },
    ]);
  });
});

describe("an unreachable catalog", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
  });

  it("gets every report later, once, with one warning", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { reports, sent, answers, visit } = reporting();
    answers.push(...Array.from({ length: 3 }, () => new Error("away")));
    reports.image(source("a"), X, undefined, visit());
    reports.blob(source("a"), Y, visit());
    reports.answered(source("a"), { hit: "kv" }, true, visit());
    reports.sent(source("a"), 100, visit());
    await vi.advanceTimersByTimeAsync(60_000);
    reports.sent(source("a"), 23, visit());
    await vi.advanceTimersByTimeAsync(60_000);
    const [taken, ...rest] = sent.slice(3);
    expect(warn).toHaveBeenCalledTimes(1);
    const all = [taken as Report, ...rest];
    expect(all.flatMap(({ images }) => images)).toHaveLength(1);
    expect(all.flatMap(({ blobs }) => blobs)).toEqual([{ digest: Y, at: 1_800_000_000_000 }]);
    const counts = all.flatMap((one) => one.counts);
    const sum = (name: "pulls" | "hits" | "bytesServed") =>
      counts.reduce((total, one) => total + one[name], 0);
    expect([sum("pulls"), sum("hits"), sum("bytesServed")]).toEqual([1, 1, 123]);
  });

  it("gets only the own entries again of a report that hangs, and fails after the next one", async () => {
    const { reports, images, answers, visit } = reporting();
    let fail = () => {};
    answers.push(
      new Promise((_, reject) => {
        fail = () => reject(new Error("the catalog is gone"));
      }),
    );
    reports.image(source("a"), X, undefined, visit());
    await vi.advanceTimersByTimeAsync(6_000); // the report counts as lost by then
    reports.image(source("b"), Y, undefined, visit());
    await settle();
    expect(images()).toEqual([[`${A} x`], ["registry.example//b y"]]);
    vi.spyOn(console, "warn").mockImplementation(() => {});
    fail();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(images().slice(2)).toEqual([[`${A} x`]]);
  });

  it("delays no request: when the isolate's reporting request is gone, the next one reports", async () => {
    const { reports, sent, visit } = reporting();
    // A request that is cancelled: what it was to do later never comes.
    reports.sent(source("a"), 1, { host: "", now: Date.now(), later: () => {} });
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(16_000);
    reports.sent(source("a"), 2, visit());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent.flatMap(({ counts }) => counts).map(({ bytesServed }) => bytesServed)).toEqual([3]);
  });
});

describe("an answer", () => {
  it.each<{ title: string; status: Parameters<Reports["answered"]>[1]; counter: string }>([
    { title: "from a layer", status: { hit: "edge" }, counter: "hits" },
    { title: "from its object", status: { hit: "object" }, counter: "hits" },
    { title: "after a fetch", status: { fwd: "uri-miss", stored: true }, counter: "misses" },
    { title: "after a HEAD of what is not here", status: { fwd: "uri-miss" }, counter: "misses" },
    {
      title: "along with another's fetch",
      status: { fwd: "uri-miss", collapsed: true },
      counter: "collapsed",
    },
    {
      title: "after its tag was checked",
      status: { fwd: "stale", collapsed: false },
      counter: "hits",
    },
    { title: "while its tag is checked", status: { passing: 5 }, counter: "stale" },
    { title: "in place of an error", status: { instead: 503 }, counter: "stale" },
  ])("$title counts among the $counter", async ({ status, counter }) => {
    const { reports, sent, visit, works } = reporting(0);
    reports.answered(source("a"), status, false, visit());
    await Promise.all(works);
    const [count] = sent.flatMap(({ counts }) => counts);
    expect(count).toMatchObject({ rule: "hub", place: A, pulls: 0, [counter]: 1 });
    expect(count && count.hits + count.misses + count.collapsed + count.stale).toBe(1);
  });
});

describe("with the cache", () => {
  beforeEach(clean);

  it("pulls, bytes and upstream requests are counted", async () => {
    const cache = cacheApart();
    const name = repository("counted");
    const image = await fixture.image(name, "1", { layers: [1000, 2000] });
    await pullWhole(cache, `open/${name}`, "1", image);
    await pullWhole(cache, `open/${name}`, "1", image);
    const { layers } = image;
    await receive(
      cache.fetch(`open/${name}/blobs/${layers[1]?.digest}`, { headers: { Range: "bytes=0-99" } }),
    );
    await receive(cache.fetch(`open/${name}/manifests/missing`));
    await cache.settled();
    const size = image.size + image.config.size + 3000;
    await eventually(async () => {
      const mine = (await catalog.counts("2000-01-01")).filter(({ place }) => place.endsWith(name));
      expect(mine).toMatchObject([
        {
          rule: "open",
          pulls: 2,
          misses: 4,
          hits: 5,
          bytesServed: 2 * size + 100,
          bytesFetched: size,
        },
      ]);
      const requests = await fixture.requests({ repository: name });
      expect(mine[0]?.upstreamRequests).toBe(requests.length);
    });
  });

  it("an index's pull counts for its children, and a child's for its index", async () => {
    const cache = cacheApart();
    const name = repository("family");
    const child = await fixture.image(name, undefined);
    const index = await fixture.index(name, "1", [child]);
    await cache.bytes(`open/${name}/manifests/1`);
    await cache.bytes(`open/${name}/manifests/${child.digest}`);
    await cache.settled();
    const [place = ""] = await catalog.places("", 1);
    const [before] = await catalog.images(place, false, "", 10);
    expect(before).toMatchObject({ digest: index.digest, tags: ["1"] });
    const clock = Date.now.bind(Date);
    vi.spyOn(Date, "now").mockImplementation(() => clock() + 2 * HOUR);
    await cache.bytes(`open/${name}/manifests/${child.digest}`);
    await cache.settled();
    const [after] = await catalog.images(place, false, "", 10);
    expect((after?.pulledAt ?? 0) - (before?.pulledAt ?? 0)).toBeGreaterThan(HOUR);
  });

  it("a refused request, or a HEAD alone, is no pull", async () => {
    const report = vi.fn(async (_: Report) => ({ value: { marks: 0, lost: [], lostBlobs: [] } }));
    const name = repository("none");
    await fixture.image(name, "1");
    const CATALOG = { idFromName: () => "", get: () => ({ report }) };
    const cache = new Cache({ CATALOG });
    await cache.head(`open/${name}/manifests/1`);
    await receive(cache.fetch(`open/${name}/manifests/2`));
    await receive(cache.fetch("nowhere/x/manifests/1"));
    await cache.settled();
    const reports = report.mock.calls.map(([one]) => one);
    expect(reports.flatMap(({ images }) => images)).toEqual([]);
    expect(reports.flatMap(({ counts }) => counts).every(({ pulls }) => pulls === 0)).toBe(true);
  });

  it("a pull goes on, and ends, whatever the catalog does", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const name = repository("deaf");
    const image = await fixture.image(name, "1");
    const get = () => ({ report: async () => Promise.reject(new Error("away")) });
    const cache = new Cache({ CATALOG: { idFromName: () => "", get } });
    await pullWhole(cache, `open/${name}`, "1", image);
  });
});
