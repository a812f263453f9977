// What goes when images expire, and what stays: on the catalog's own database.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Catalog } from "../../src/catalog/contract.ts";
import { openCatalog } from "../../src/catalog/open.ts";
import { type Expired, nothingCounted } from "../../src/catalog/sweep/contract.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { blobFact, digestFor, freshCatalog, manifestFact, ownCatalog } from "../support/catalog.ts";

const A = "registry.example//team/a";
const B = "registry.example//team/b";
const HOUR = 3_600_000;
const COUNTS = nothingCounted();

/** An image with blobs of 100 bytes each. */
async function image(
  catalog: Catalog,
  place: string,
  name: string,
  blobs: string[],
  tag?: string,
): Promise<void> {
  await catalog.tellManifest(manifestFact(place, name, { blobs }));
  for (const blob of blobs) await catalog.tellBlob(blobFact(blob, 100));
  if (tag !== undefined) await tagged(catalog, place, name, tag);
}

function tagged(catalog: Catalog, place: string, name: string, tag: string, at = 0) {
  return catalog.tellTag({ place, tag, digest: digestFor(name), at, gone: false });
}

async function expired(catalog: Catalog, place: string, names: string[]): Promise<Expired[]> {
  const images = await catalog.images(place, false, "", 1000);
  return images
    .filter(({ digest }) => names.some((name) => digestFor(name) === digest))
    .map(({ digest, touched }) => {
      return { digest, touched, policy: "LIFECYCLE", priority: 1, reason: "old" };
    });
}

/** Marks at 1 h, and takes at 25 h. */
async function expire(catalog: Catalog, place: string, names: string[]): Promise<number> {
  const { id } = (await catalog.begin("cron", HOUR)) ?? { id: -1 };
  await catalog.mark(place, await expired(catalog, place, names), HOUR, id);
  const due = await catalog.due(HOUR, undefined, 1000);
  await catalog.take(due, HOUR, 25 * HOUR, id);
  return id;
}

/** Deletes all that is due, as the sweep does. */
async function collect(catalog: Catalog, run: number): Promise<string[]> {
  const gone: Digest[] = [];
  for (const tag of await catalog.doomed(1000)) await catalog.tagGone(tag, true, 25 * HOUR, run);
  for (const kind of ["manifest", "blob"] as const) {
    for (;;) {
      const condemned = await catalog.condemn(kind, HOUR, 2);
      if (condemned.length === 0) break;
      const removals = condemned.map((one) => ({ ...one, outcome: "gone" as const, found: true }));
      await catalog.removed(removals, 25 * HOUR, run);
      gone.push(...condemned.map(({ digest }) => digest));
    }
  }
  return gone;
}

function named(digests: string[], names: string[]): string[] {
  return names.filter((name) => digests.includes(digestFor(name)));
}

const ALL = ["index", "child", "other", "image", "signature", "x", "y", "z", "s"];

describe("an image that expires", () => {
  it("is deleted with its tags and the blobs that nothing else refers to", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x", "y"], "v1");
    await image(catalog, A, "other", ["y", "z"], "v2");
    const due = [{ place: A, digest: digestFor("image") }];
    expect(await catalog.freed(due)).toBe(1100);
    const run = await expire(catalog, A, ["image"]);
    expect(await catalog.doomed(10)).toEqual([{ place: A, tag: "v1", digest: digestFor("image") }]);
    expect(named(await collect(catalog, run), ALL)).toEqual(["image", "x"]);
    const report = await catalog.end(run, COUNTS, {});
    expect(report.bytesFreed).toBe(1100);
    expect(report.deleted).toEqual({ images: 1, tags: 1, manifests: 1, blobs: 1, leftovers: 0 });
    expect((await catalog.summary()).bytes).toBe(1200);
  });

  it("leaves the manifest to another repository that holds it", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x"], "v1");
    await image(catalog, B, "image", ["x"], "v1");
    expect(await catalog.freed([{ place: A, digest: digestFor("image") }])).toBe(0);
    const run = await expire(catalog, A, ["image"]);
    expect(await collect(catalog, run)).toEqual([]);
    expect(await catalog.places("", 10)).toEqual([B]);
  });

  it("takes an index's children along, but those with a tag of their own", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "child", ["x"]);
    await image(catalog, A, "other", ["y"], "arm64");
    await catalog.tellManifest(manifestFact(A, "index", { children: ["child", "other", "image"] }));
    await tagged(catalog, A, "index", "v1");
    const [first, ...rest] = await catalog.images(A, false, "", 10);
    expect([first?.tags, ...rest.map(({ tags }) => tags)].sort()).toEqual([["arm64"], ["v1"]]);
    expect(await catalog.freed([{ place: A, digest: digestFor("index") }])).toBe(2100);
    const run = await expire(catalog, A, ["index"]);
    expect(named(await collect(catalog, run), ALL)).toEqual(["index", "child", "x"]);
  });

  it("stays as the child of an index that stays, and loses its tags", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "child", ["x"], "arm64");
    await catalog.tellManifest(manifestFact(A, "index", { children: ["child"] }));
    await tagged(catalog, A, "index", "v1");
    const run = await expire(catalog, A, ["child"]);
    expect(await collect(catalog, run)).toEqual([]);
    expect((await catalog.images(A, false, "", 10)).map(({ tags }) => tags)).toEqual([["v1"]]);
    const later = await expire(catalog, A, ["index"]);
    expect(later).toBe(-1); // the first run is still at work
    await catalog.end(run, COUNTS, {});
    const next = await expire(catalog, A, ["index"]);
    expect(named(await collect(catalog, next), ALL)).toEqual(["index", "child", "x"]);
  });

  it.each(["subject first", "referrer first"])("takes its referrers along, %s", async (order) => {
    const catalog = freshCatalog();
    const subject = () => image(catalog, A, "image", ["x"], "v1");
    if (order === "subject first") await subject();
    await catalog.tellManifest(manifestFact(A, "signature", { blobs: ["s"], subject: "image" }));
    await catalog.tellBlob(blobFact("s", 10));
    if (order !== "subject first") await subject();
    expect(await catalog.images(A, false, "", 10)).toHaveLength(1);
    const run = await expire(catalog, A, ["image"]);
    expect(named(await collect(catalog, run), ALL)).toEqual(["image", "signature", "x", "s"]);
  });

  it("takes cosign's signatures along, which a tag names", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x"], "v1");
    await image(catalog, A, "signature", ["s"], `${digestFor("image").replace(":", "-")}.sig`);
    expect(await catalog.images(A, false, "", 10)).toHaveLength(1);
    const run = await expire(catalog, A, ["image"]);
    expect((await catalog.doomed(10)).length).toBe(2);
    expect(named(await collect(catalog, run), ALL)).toEqual(["image", "signature", "x", "s"]);
  });

  it("loses its mark by a pull of it, of its child, or of its referrer", async () => {
    for (const pulled of ["index", "child", "signature"]) {
      const catalog = freshCatalog();
      await image(catalog, A, "child", ["x"]);
      await catalog.tellManifest(manifestFact(A, "index", { children: ["child"] }));
      await catalog.tellManifest(manifestFact(A, "signature", { subject: "index" }));
      await catalog.mark(A, await expired(catalog, A, ["index"]), HOUR, 1);
      expect(await catalog.due(HOUR, undefined, 10)).toHaveLength(1);
      const images = [{ place: A, digest: digestFor(pulled), at: 2 * HOUR }];
      await catalog.report({ images, blobs: [], counts: [] });
      expect(await catalog.due(HOUR, undefined, 10)).toEqual([]);
      expect((await catalog.events(undefined, 1))[0]).toMatchObject({ what: "revived", place: A });
    }
  });

  it("is not marked where it was pulled since it was looked at", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x"], "v1");
    const looked = await expired(catalog, A, ["image"]);
    const images = [{ place: A, digest: digestFor("image"), at: 1 }];
    await catalog.report({ images, blobs: [], counts: [] });
    expect(await catalog.mark(A, looked, HOUR, 1)).toEqual({ marked: [], cleared: 0 });
  });

  it("loses its mark where the policy keeps it after all", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x"], "v1");
    const { marks } = await catalog.report({ images: [], blobs: [], counts: [] });
    await catalog.mark(A, await expired(catalog, A, ["image"]), HOUR, 1);
    expect((await catalog.report({ images: [], blobs: [], counts: [] })).marks).toBe(marks + 1);
    expect(await catalog.mark(A, [], 2 * HOUR, 1)).toEqual({ marked: [], cleared: 1 });
    expect(await catalog.due(HOUR, undefined, 10)).toEqual([]);
  });
});

describe("an image that is pulled while it is deleted", () => {
  it("is reported as lost, and its tag is checked again", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x"], "v1");
    const run = await expire(catalog, A, ["image"]);
    const [tag] = await catalog.doomed(1);
    const pulled = { place: A, digest: digestFor("image"), tag: "v1", at: Date.now() + HOUR };
    const report = { images: [pulled], blobs: [], counts: [] };
    expect((await catalog.report(report)).lost).toEqual([pulled]);
    expect(await catalog.tagGone(tag as never, true, 25 * HOUR, run)).toBe(true);
    expect(await catalog.condemn("manifest", 100 * HOUR, 10)).toEqual([]);
  });

  it("is reported as lost, whether it is already deleted or being deleted", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x"]);
    const run = await expire(catalog, A, ["image"]);
    expect(await catalog.condemn("manifest", HOUR, 10)).toHaveLength(1);
    const pulled = { place: A, digest: digestFor("image"), at: Date.now() + HOUR };
    const report = { images: [pulled], blobs: [], counts: [] };
    expect((await catalog.report(report)).lost).toEqual([pulled]);
    const removal = { digest: digestFor("image"), kind: "manifest", outcome: "gone", found: true };
    await catalog.removed([removal as never], 25 * HOUR, run);
    expect((await catalog.report(report)).lost).toEqual([pulled]);
    await catalog.tellManifest(manifestFact(A, "image", { blobs: ["x"] }));
    expect((await catalog.report(report)).lost).toEqual([]);
    expect(await catalog.condemn("blob", 100 * HOUR, 10)).toEqual([]);
    expect((await catalog.summary()).bytes).toBe(1100);
  });

  it("is not lost when it was pulled before and that is reported late", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x"], "v1");
    const at = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await collect(catalog, await expire(catalog, A, ["image"]));
    const images = [{ place: A, digest: digestFor("image"), at }];
    const blobs = [{ digest: digestFor("x"), at }];
    const report = { images, blobs, counts: [] };
    expect(await catalog.report(report)).toMatchObject({ lost: [], lostBlobs: [] });
    const now = {
      images: [{ ...images[0], at: Date.now() + 1 }],
      blobs: [{ ...blobs[0], at: Date.now() + 1 }],
    };
    expect(await catalog.report({ ...report, ...(now as object) })).toMatchObject({
      lost: now.images,
      lostBlobs: [digestFor("x")],
    });
  });

  it("is reported to a caller that stores a manifest with it", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x"]);
    await expire(catalog, A, ["image"]);
    await catalog.condemn("manifest", HOUR, 10);
    const removal = { digest: digestFor("image"), kind: "manifest", outcome: "gone", found: true };
    await catalog.removed([removal as never], 25 * HOUR, 1);
    expect(await catalog.condemn("blob", HOUR, 10)).toHaveLength(1);
    const answer = await catalog.tellManifest(manifestFact(B, "other", { blobs: ["x"] }));
    expect(answer.going).toEqual([digestFor("x")]);
  });

  it("is counted once, whichever object reports it first", async () => {
    const catalog = freshCatalog();
    await catalog.tellBlob({ ...blobFact("x", 20_000_000), cachedAt: 0 });
    const { id } = (await catalog.begin("cron", HOUR)) as { id: number };
    await catalog.dateOrphans(HOUR);
    expect(await catalog.condemn("blob", HOUR, 10)).toHaveLength(1);
    // Deleted, and fetched anew before the sweep could tell.
    await catalog.tellBlob({ ...blobFact("x", 20_000_000), attempt: "a2", generation: "new" });
    const removal = { digest: digestFor("x"), kind: "blob", outcome: "gone", found: true };
    await catalog.removed([removal as never], HOUR, id);
    const report = await catalog.end(id, COUNTS, {});
    expect(report.deleted.blobs).toBe(1);
    expect(report.bytesFreed).toBe(8 * 1024 * 1024);
    expect(await catalog.leftovers(HOUR, 10)).toEqual([
      { digest: digestFor("x"), attempt: "a1", bytes: 20_000_000 - 8 * 1024 * 1024 },
    ]);
    expect((await catalog.summary()).blobs).toBe(1);
  });
});

it("a manifest stays until its tag is gone", async () => {
  const catalog = freshCatalog();
  await image(catalog, A, "image", ["x"], "v1");
  const run = await expire(catalog, A, ["image"]);
  expect(await catalog.condemn("manifest", HOUR, 10)).toEqual([]);
  const [tag] = await catalog.doomed(1);
  await catalog.tagGone(tag as never, true, 25 * HOUR, run);
  expect(await catalog.condemn("manifest", HOUR, 10)).toHaveLength(1);
});

describe("an orphan", () => {
  it("is dated by a sweep, and left alone where it was pulled since", async () => {
    const catalog = freshCatalog();
    await catalog.tellBlob(blobFact("x", 100));
    expect(await catalog.condemn("blob", 100 * HOUR, 10)).toEqual([]);
    await catalog.dateOrphans(HOUR);
    expect(await catalog.condemn("blob", HOUR - 1, 10)).toEqual([]);
    const pulled = (at: number) => ({
      images: [],
      blobs: [{ digest: digestFor("x"), at }],
      counts: [],
    });
    await catalog.report(pulled(Date.now() + 1));
    expect(await catalog.condemn("blob", HOUR, 10)).toEqual([]);
    await catalog.dateOrphans(2 * HOUR);
    expect(await catalog.condemn("blob", 2 * HOUR, 10)).toHaveLength(1);
  });

  it("that was pulled since its image was marked has a grace of its own", async () => {
    const catalog = freshCatalog();
    await image(catalog, A, "image", ["x", "y"], "v1");
    const { id } = (await catalog.begin("cron", HOUR)) as { id: number };
    await catalog.mark(A, await expired(catalog, A, ["image"]), HOUR, id);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const blobs = [{ digest: digestFor("x"), at: Date.now() }];
    await catalog.report({ images: [], blobs, counts: [] });
    await catalog.take(await catalog.due(HOUR, undefined, 10), HOUR, 25 * HOUR, id);
    expect(named(await collect(catalog, id), ALL)).toEqual(["image", "y"]);
  });

  it("is none any more once a manifest refers to it", async () => {
    const catalog = freshCatalog();
    await catalog.tellBlob(blobFact("x", 100));
    await catalog.dateOrphans(HOUR);
    await catalog.tellManifest(manifestFact(A, "image", { blobs: ["x"] }));
    expect(await catalog.condemn("blob", 100 * HOUR, 10)).toEqual([]);
  });

  it("that is in use gets a later date", async () => {
    const catalog = freshCatalog();
    await catalog.tellBlob(blobFact("x", 100));
    await catalog.dateOrphans(HOUR);
    await catalog.condemn("blob", HOUR, 10);
    const removal = { digest: digestFor("x"), kind: "blob", outcome: "busy", found: true };
    await catalog.removed([removal as never], HOUR, 1);
    expect(await catalog.condemn("blob", 100 * HOUR, 10)).toEqual([]);
    await catalog.dateOrphans(2 * HOUR);
    expect(await catalog.condemn("blob", 2 * HOUR, 10)).toHaveLength(1);
  });

  it("whose deletion was never reported is counted by the run that finds it deleted", async () => {
    for (const broken of [true, false]) {
      const catalog = freshCatalog();
      await catalog.tellBlob(blobFact("x", 100));
      await catalog.dateOrphans(HOUR);
      if (broken) await catalog.condemn("blob", HOUR, 10);
      const { id } = (await catalog.begin("cron", HOUR)) as { id: number };
      await catalog.condemn("blob", HOUR, 10);
      const removal = { digest: digestFor("x"), kind: "blob", outcome: "gone", found: false };
      await catalog.removed([removal as never], HOUR, id);
      expect((await catalog.end(id, COUNTS, {})).bytesFreed).toBe(broken ? 100 : 0);
      expect((await catalog.summary()).blobs).toBe(0);
    }
  });
});

/** As an earlier version told an index of blobs, and as one of this version may name what it does not know. */
describe("a content that is stored as another kind than a manifest names it", () => {
  const answer = { children: ["x", "y"], blobs: ["child"] };
  const steps: Record<string, (catalog: Catalog) => Promise<unknown>> = {
    index: (catalog) => catalog.tellManifest(manifestFact(A, "index", answer)),
    // A layer, and what an artifact names as one.
    x: (catalog) => catalog.tellBlob(blobFact("x", 100)),
    child: (catalog) => catalog.tellManifest(manifestFact("", "child", { blobs: ["z"] })),
    z: (catalog) => catalog.tellBlob(blobFact("z", 100)),
  };

  it.each([["index x child z"], ["x index z child"], ["z child x index"], ["child x z index"]])(
    "stays with the manifest that names it, is counted, and is deleted with it: reported %s",
    async (order) => {
      const catalog = freshCatalog();
      for (const step of order.split(" ")) await steps[step]?.(catalog);
      await tagged(catalog, A, "index", "v1");
      await catalog.dateOrphans(HOUR);
      for (const kind of ["manifest", "blob"] as const)
        expect(await catalog.condemn(kind, 100 * HOUR, 10)).toEqual([]);
      const due = [{ place: A, digest: digestFor("index") }];
      expect(await catalog.images(A, true, "", 10)).toMatchObject([
        { size: 1000 + 100 + 1000 + 100 },
      ]);
      expect(await catalog.known([digestFor("x")])).toEqual(
        expect.arrayContaining([
          { digest: digestFor("x"), kind: "blob", present: true, parents: 1 },
          { digest: digestFor("x"), kind: "manifest", present: false, parents: 1 },
        ]),
      );
      const freed = await catalog.freed(due);
      const run = await expire(catalog, A, ["index"]);
      const { deleted, bytesFreed } = await (async () => {
        const gone = named(await collect(catalog, run), ALL);
        // A manifest that no place is known for is held by an unknown one.
        expect(gone).toEqual(expect.arrayContaining(["index", "x"]));
        return catalog.end(run, COUNTS, {});
      })();
      expect([deleted.blobs >= 1, bytesFreed]).toEqual([true, freed]);
    },
  );

  it("is spared, and linked, where an earlier version had taken it for an orphan", async () => {
    const binding = ownCatalog();
    const catalog = openCatalog({ CATALOG: binding });
    await catalog.tellManifest(manifestFact(A, "index", { children: ["x", "y"] }));
    for (const name of ["x", "y", "z"]) await catalog.tellBlob(blobFact(name, 100));
    await runInDurableObject(binding.get(binding.idFromName("")), (_, { storage }) => {
      storage.sql.exec(
        "DELETE FROM refs WHERE child IN (SELECT id FROM contents WHERE kind = 'blob')",
      );
      storage.sql.exec("UPDATE contents SET orphaned_at = 1 WHERE kind = 'blob'");
    });
    // Seen in R2 again, or about to go: whichever comes first.
    await catalog.tellBlob(blobFact("y", 100));
    const condemned = await catalog.condemn("blob", 100 * HOUR, 10);
    expect(condemned.map(({ digest }) => digest)).toEqual([digestFor("z")]);
    const run = await expire(catalog, A, ["index"]);
    expect(named(await collect(catalog, run), ALL)).toEqual(["index", "x", "y", "z"]);
  });
});
