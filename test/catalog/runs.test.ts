// Runs, events, counters and migrations of the catalog.

import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Catalog } from "../../src/catalog/contract.ts";
import { Database } from "../../src/catalog/database.ts";
import type { Counts } from "../../src/catalog/record/contract.ts";
import type { RunBegun, RunCounts } from "../../src/catalog/sweep/contract.ts";
import { objectOf } from "../../src/platform/rpc.ts";
import { digestFor, freshCatalog, manifestFact, ownCatalog } from "../support/catalog.ts";
import { later } from "../support/clock.ts";

const A = "registry.example//team/a";
const DAY = 24 * 3_600_000;
const COUNTS: RunCounts = {
  examined: 3,
  expired: [{ policy: "p", priority: 1, images: 2 }],
  waiting: { offline: 1 },
  adopted: 4,
  forgotten: 5,
  subrequests: 6,
  unfinished: false,
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe("runs", () => {
  it("run one at a time, and store their progress", async () => {
    const catalog = freshCatalog();
    const { id } = (await catalog.begin("cron", 5)) as RunBegun;
    expect(await catalog.begin("request", 6)).toBeUndefined();
    const progress = { passedAt: 1, place: A };
    expect(await catalog.beat(id, COUNTS, progress)).toBe(true);
    expect(await catalog.end(id, COUNTS, progress)).toMatchObject({
      id,
      trigger: "cron",
      now: 5,
      ...COUNTS,
    });
    expect(await catalog.begin("request", 6)).toEqual({ id: id + 1, progress });
    expect((await catalog.runs(10)).map((run) => run.id)).toEqual([id + 1, id]);
  });

  it("that were interrupted are taken over, and cannot continue", async () => {
    const catalog = freshCatalog();
    const { id } = (await catalog.begin("cron", 5)) as RunBegun;
    await catalog.beat(id, COUNTS, { place: A });
    later(6 * 60_000);
    const next = (await catalog.begin("cron", 6)) as RunBegun;
    expect(next.progress).toEqual({ place: A });
    expect(await catalog.beat(id, COUNTS, {})).toBe(false);
    expect(await catalog.runs(10)).toMatchObject([
      { id: next.id },
      { id, error: "the run was interrupted" },
    ]);
  });
});

it("counts by day, rule and place, and keeps that for 90 days", async () => {
  const catalog = freshCatalog();
  const count: Counts = {
    day: "2026-11-26",
    rule: "hub",
    place: A,
    pulls: 1,
    hits: 2,
    misses: 3,
    collapsed: 4,
    stale: 5,
    bytesServed: 6,
    bytesFetched: 7,
    upstreamPulls: 0,
    errors: 0,
    upstreamRequests: 8,
  };
  const counts = [count, { ...count, day: "2026-11-27" }];
  await catalog.report({ images: [], blobs: [], counts });
  await catalog.report({ images: [], blobs: [], counts: [count] });
  const [first, second] = await catalog.counts("2026-11-26");
  expect(first).toEqual({
    ...count,
    ...Object.fromEntries(
      Object.entries(count).flatMap(([key, value]) =>
        typeof value === "number" ? [[key, 2 * value]] : [],
      ),
    ),
  });
  expect(second).toEqual(counts[1]);
  await catalog.trim(Date.parse("2026-11-27T12:00:00Z") + 90 * DAY);
  expect(await catalog.counts("2026-01-01")).toEqual([counts[1]]);
});

it("keeps events for 90 days, page by page", async () => {
  const catalog = freshCatalog();
  await catalog.tellManifest(manifestFact(A, "image"));
  const [image] = await catalog.images(A, false, "", 1);
  const expired = { policy: "p", priority: 1, reason: "old", touched: image?.touched ?? 0 };
  await catalog.mark(A, [{ digest: digestFor("image"), ...expired }], DAY, 7);
  await catalog.mark(A, [], 2 * DAY, 8);
  const [last, first] = await catalog.events(undefined, 10);
  expect(first).toEqual({
    id: first?.id,
    at: DAY,
    run: 7,
    what: "expired",
    place: A,
    digest: digestFor("image"),
    policy: "p",
    priority: 1,
    reason: "old",
  });
  expect(await catalog.events(last?.id, 10)).toEqual([first]);
  await catalog.trim(91 * DAY);
  expect(await catalog.events(undefined, 10)).toEqual([last, first]);
  await catalog.trim(91 * DAY + 1);
  expect(await catalog.events(undefined, 10)).toEqual([last]);
});

it("remembers the digests of a tag, and since when", async () => {
  const binding = ownCatalog();
  const stub = binding.get(binding.idFromName(""));
  const tell = (name: string, at: number, gone = false) =>
    objectOf<Catalog>(binding, "").tellTag({
      place: A,
      tag: "v1",
      digest: digestFor(name),
      at,
      gone,
    });
  await tell("one", 1);
  await tell("one", 2);
  await tell("two", 3);
  await tell("two", 4, true);
  const rows = await runInDurableObject(stub, (_, { storage }) => {
    return [
      storage.sql.exec("SELECT digest, since, until FROM moves").toArray(),
      storage.sql.exec("SELECT * FROM tags").toArray(),
    ];
  });
  expect(rows).toEqual([
    [
      { digest: digestFor("one"), since: 1, until: 3 },
      { digest: digestFor("two"), since: 3, until: 4 },
    ],
    [],
  ]);
});

it("migrates its tables, each step once", async () => {
  const binding = ownCatalog();
  await runInDurableObject(binding.get(binding.idFromName("")), (_, { storage }) => {
    const database = new Database(storage.sql);
    const { done } = database.one<{ done: number }>("SELECT count(*) AS done FROM migrations");
    const steps = Array.from({ length: done }, () => "no SQL: it is done already");
    database.migrate([...steps, "CREATE TABLE more (x); INSERT INTO more VALUES (1)"]);
    database.migrate([...steps, "no SQL: it is done already", "INSERT INTO more VALUES (2)"]);
    expect(database.all("SELECT x FROM more")).toEqual([{ x: 1 }, { x: 2 }]);
  });
});
