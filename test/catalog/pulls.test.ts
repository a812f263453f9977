// Pulls by image, as isolates tell them; and what a HEAD or a 304 says of an image.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Catalog } from "../../src/catalog/contract.ts";
import { Database } from "../../src/catalog/database.ts";
import type { ImagePulls, Report } from "../../src/catalog/record/contract.ts";
import { countPulls, repositoryPulls } from "../../src/catalog/record/image-pulls.ts";
import { STEPS } from "../../src/catalog/schema.ts";
import { digestFor, freshCatalog, manifestFact, ownCatalog } from "../support/catalog.ts";

const A = "registry.example//team/a";
const B = "registry.example//team/b";
const MINUTE = 60_000;
const DAY = "2026-11-26";

const report = (more: Partial<Report>): Report => ({ images: [], blobs: [], counts: [], ...more });

const counts = (place: string, pulls: number) => ({
  day: DAY,
  rule: "hub",
  place,
  pulls,
  hits: 0,
  misses: 0,
  collapsed: 0,
  stale: 0,
  bytesServed: 0,
  bytesFetched: 0,
  upstreamRequests: 0,
  upstreamPulls: 0,
  errors: 0,
});

describe("pulls", () => {
  const pull = (name: string, tag: string, pulls: number, place = A): ImagePulls => ({
    day: DAY,
    place,
    digest: digestFor(name),
    tag,
    pulls,
  });
  const pullsOf = async (catalog: Catalog, name: string, place = A) => {
    const { pulls, pullsByTag, repository } = (await catalog.record(place, digestFor(name))) ?? {};
    return { pulls, byTag: pullsByTag?.map((one) => `${one.tag}=${one.pulls}`), repository };
  };

  it("are an image's own: by its tags, its digest and its place", async () => {
    const catalog = freshCatalog();
    for (const place of [A, B])
      for (const name of ["3.20", "3.21"]) await catalog.tellManifest(manifestFact(place, name));
    await catalog.report(
      report({ pulls: [pull("3.20", "3.20", 2), pull("3.20", "latest", 1), pull("3.21", "", 4)] }),
    );
    await catalog.report(report({ pulls: [pull("3.20", "3.20", 3), pull("3.20", "", 1, B)] }));
    expect(await pullsOf(catalog, "3.20")).toEqual({
      pulls: 6,
      byTag: ["3.20=5", "latest=1"],
      repository: { pulls: 10, unassigned: 0 },
    });
    expect(await pullsOf(catalog, "3.21")).toMatchObject({ pulls: 4, byTag: ["=4"] });
    expect(await pullsOf(catalog, "3.20", B)).toMatchObject({ pulls: 1, repository: { pulls: 1 } });
    const listed = await catalog.listed({
      parts: [],
      places: [A],
      sort: "pulls",
      descending: true,
      limit: 9,
    });
    expect(listed?.map(({ pulls, repository }) => [pulls, repository.pulls])).toEqual([
      [6, 10],
      [4, 10],
    ]);
    // What was counted outlives a rebuild, and goes after 90 days.
    await catalog.reset();
    await catalog.tellManifest(manifestFact(A, "3.20", { adoptedAt: 1 }));
    expect(await pullsOf(catalog, "3.20")).toMatchObject({ pulls: 6 });
    await catalog.trim(Date.parse(DAY) + 91 * 24 * 60 * MINUTE);
    expect(await pullsOf(catalog, "3.20")).toMatchObject({ pulls: 0, repository: { pulls: 0 } });
  });

  it.each<{ title: string; reports: ImagePulls[][]; expected: Record<string, number> }>([
    {
      title: "reported together",
      reports: [[pull("amd", "", 2), pull("index", "1", 2)]],
      expected: { index: 2, amd: 0 },
    },
    {
      title: "reported one after the other",
      reports: [[pull("index", "", 2)], [pull("amd", "", 1)], [pull("arm", "", 1)]],
      expected: { index: 2, amd: 0, arm: 0 },
    },
    {
      title: "more often than the index",
      reports: [[pull("index", "1", 2), pull("amd", "", 3), pull("arm", "", 1)]],
      expected: { index: 2, amd: 1, arm: 1 },
    },
    { title: "without the index", reports: [[pull("amd", "", 3)]], expected: { index: 0, amd: 3 } },
    {
      title: "by a tag of its own",
      reports: [[pull("index", "1", 2), pull("amd", "amd64", 2)]],
      expected: { index: 2, amd: 2 },
    },
    {
      title: "of an index of another place",
      reports: [[pull("index", "1", 2)], [pull("amd", "", 2, B)]],
      expected: { index: 2, amd: 0 },
    },
  ])("of a platform's manifest count for its index: $title", async ({ reports, expected }) => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact(A, "index", { children: ["amd", "arm"] }));
    for (const place of [A, B])
      for (const name of ["amd", "arm"]) await catalog.tellManifest(manifestFact(place, name));
    for (const batch of reports) await catalog.report(report({ pulls: batch }));
    for (const [name, pulls] of Object.entries(expected))
      expect([name, (await pullsOf(catalog, name)).pulls]).toEqual([name, pulls]);
    const sum = Object.values(expected).reduce((total, one) => total + one, 0);
    expect((await pullsOf(catalog, "index")).repository?.pulls).toBe(sum);
  });

  describe("in one report count alike, in whatever order it lists them", () => {
    const counted = async (told: [name: string, pulls: number][], names: string[]) => {
      const catalog = freshCatalog();
      const children: Record<string, string[]> = {
        nightly: ["linux"],
        release: ["linux", "windows"],
        linux: ["amd", "arm"],
      };
      for (const name of ["nightly", "release", "linux", "windows", "amd", "arm"])
        await catalog.tellManifest(manifestFact(A, name, { children: children[name] ?? [] }));
      await catalog.report(report({ pulls: told.map(([name, pulls]) => pull(name, "", pulls)) }));
      return Promise.all(names.map(async (name) => (await pullsOf(catalog, name)).pulls));
    };

    it.each([
      ["release, linux, amd"],
      ["release, amd, linux"],
      ["linux, release, amd"],
      ["linux, amd, release"],
      ["amd, release, linux"],
      ["amd, linux, release"],
    ])("a nested index: %s", async (order) => {
      const names = order.split(", ");
      const told = names.map((name): [string, number] => [name, 2]);
      expect(await counted(told, ["release", "linux", "amd"])).toEqual([2, 0, 0]);
    });

    it("platforms of which one index was pulled less often", async () => {
      const told: [string, number][] = [
        ["release", 1],
        ["linux", 1],
        ["amd", 1],
        ["arm", 1],
      ];
      const names = ["release", "linux", "amd", "arm"];
      expect(await counted(told, names)).toEqual(await counted(told.toReversed(), names));
    });
  });

  it("that were counted by repository only stay with the repository", async () => {
    const binding = ownCatalog();
    const stub = binding.get(binding.idFromName("")) as DurableObjectStub;
    await runInDurableObject(stub, (_, { storage: { sql } }) => {
      const tables = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
      for (const { name } of tables)
        if (!/^(sqlite|_cf)_/.test(String(name))) sql.exec(`DROP TABLE ${name}`);
      // As an earlier version has left it.
      const database = new Database(sql);
      const before = STEPS.findIndex((step) => step.includes("CREATE TABLE image_pulls"));
      database.migrate(STEPS.slice(0, before));
      const amounts = Array.from({ length: 9 }, () => "0").join(", ");
      for (const { day, rule, pulls } of [
        { day: DAY, rule: "hub", pulls: 5 },
        { day: DAY, rule: "mirror", pulls: 2 },
        { day: "2026-11-25", rule: "hub", pulls: 1 },
        { day: "2026-11-24", rule: "hub", pulls: 0 },
      ])
        database.run(
          `INSERT INTO counters VALUES ('${day}', '${rule}', '${A}', ${pulls}, ${amounts})`,
        );
      database.run(
        "INSERT INTO images (place, content, pushed_at, pulled_at, touched) VALUES (1, 2, 3, 4, 1)",
      );
      database.migrate(STEPS);
      expect(repositoryPulls(database, A)).toEqual({ pulls: 8, unassigned: 8 });
      expect(database.all("SELECT pulled_at, unknown_since FROM images")).toEqual([
        { pulled_at: 4, unknown_since: null },
      ]);
      // An isolate of an earlier version goes on telling them so for a while.
      countPulls(database, report({ counts: [counts(A, 2)] }));
      countPulls(database, report({ counts: [counts(A, 1)], pulls: [pull("x", "1", 1)] }));
      expect(repositoryPulls(database, A)).toEqual({ pulls: 11, unassigned: 10 });
    });
  });
});

describe("an image that is only asked for", () => {
  const check = (name: string, at: number) =>
    report({ checked: [{ place: A, digest: digestFor(name), at }] });
  const lastOf = async (catalog: Catalog, name: string) => {
    const { pulledAt, unknownSince } = (await catalog.image(A, digestFor(name))) ?? {};
    return [pulledAt, unknownSince];
  };

  it("is used, with its index and children, when it was pulled or may have been; and does not count as pulled", async () => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact(A, "index", { children: ["amd", "arm"] }));
    for (const name of ["amd", "arm", "never"]) await catalog.tellManifest(manifestFact(A, name));
    await catalog.tellManifest(manifestFact(A, "found", { adoptedAt: 7 }));
    const images = ["index", "amd"].map((name) => ({ place: A, digest: digestFor(name), at: 10 }));
    await catalog.report(report({ images }));
    const at = 40 * MINUTE;
    for (const name of ["index", "never", "found", "unheard of"])
      expect(await catalog.report(check(name, at))).toMatchObject({ lost: [] });
    expect(await lastOf(catalog, "index")).toEqual([at, undefined]);
    expect(await lastOf(catalog, "amd")).toEqual([at, undefined]);
    expect(await lastOf(catalog, "never")).toEqual([undefined, undefined]);
    expect(await lastOf(catalog, "found")).toEqual([at, undefined]);
    expect(await catalog.image(A, digestFor("unheard of"))).toBeUndefined();
    expect(await lastOf(catalog, "arm")).toEqual([at, undefined]); // the index's pull counted for it
  });

  it("writes a row at most every half hour for any number of requests, and removes a mark at once", async () => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact(A, "x"));
    await catalog.report(report({ images: [{ place: A, digest: digestFor("x"), at: 0 }] }));
    const touchedOf = async () => (await catalog.images(A, false, "", 1))[0]?.touched;
    const before = (await touchedOf()) as number;
    for (let at = 0; at < 120 * MINUTE; at += MINUTE) await catalog.report(check("x", at));
    expect((await touchedOf()) as number).toBeLessThanOrEqual(before + 4);
    expect((await lastOf(catalog, "x"))[0]).toBeGreaterThan(85 * MINUTE);
    const touched = (await touchedOf()) as number;
    const why = { policy: "p", priority: 1, reason: "old" };
    await catalog.mark(A, [{ digest: digestFor("x"), touched, ...why }], 1, 1);
    await catalog.report(check("x", 120 * MINUTE));
    expect((await catalog.image(A, digestFor("x")))?.expiredAt).toBeUndefined();
  });
});
