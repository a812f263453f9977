// Reconciliation: what is in R2 and what the catalog knows, compared page by page.

import { describe, expect, it } from "vitest";
import type { Catalog } from "../../src/catalog/contract.ts";
import { type BlobPage, nothingCounted, type TagPage } from "../../src/catalog/sweep/contract.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { blobFact, digestFor, freshCatalog, manifestFact } from "../support/catalog.ts";

const A = "registry.example//team/a";
const WHOLE = { after: "", upTo: undefined, startedAt: 1000 };

function blobs(seen: string[], more: Partial<BlobPage> = {}): BlobPage {
  return { ...WHOLE, seen: seen.map((name) => blobFact(name, 100)), segments: [], now: 5, ...more };
}

describe("manifests", () => {
  it("that are unknown are requested, and those that are deleted are forgotten", async () => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact(A, "here", { blobs: ["x"] }));
    await catalog.tellManifest(manifestFact(A, "gone", { blobs: ["x", "y"] }));
    for (const name of ["x", "y"]) await catalog.tellBlob(blobFact(name, 100));
    const seen = ["here", "new"].map(digestFor);
    expect(await catalog.seeManifests({ ...WHOLE, seen })).toEqual({
      unknown: [digestFor("new")],
      forgotten: 1,
    });
    expect((await catalog.images(A, false, "", 10)).map(({ digest }) => digest)).toEqual([
      digestFor("here"),
    ]);
    // y is an orphan now, and x is not.
    await catalog.dateOrphans(1);
    expect(await catalog.condemn("blob", 1, 10)).toEqual([
      { digest: digestFor("y"), kind: "blob" },
    ]);
  });

  it("that were reported after the pass began, or are in another stretch, are not treated as missing", async () => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact(A, "late", { cachedAt: 1000 }));
    expect(await catalog.seeManifests({ ...WHOLE, seen: [] })).toEqual({
      unknown: [],
      forgotten: 0,
    });
    const digests = ["a", "b", "c"].map(digestFor).sort() as [Digest, Digest, Digest];
    for (const name of ["a", "b", "c"]) await catalog.tellManifest(manifestFact(A, name));
    const stretch = { after: digests[0], upTo: digests[1], startedAt: 1000, seen: [] };
    expect(await catalog.seeManifests(stretch)).toEqual({ unknown: [], forgotten: 1 });
    expect((await catalog.summary()).manifests).toBe(3);
  });

  it("that were deleted and fetched again in the pass are not treated as missing", async () => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact(A, "child", { cachedAt: 1 }));
    await catalog.tellManifest(manifestFact(A, "index", { children: ["child"], cachedAt: 2000 }));
    await catalog.seeManifests({ ...WHOLE, seen: [] });
    expect((await catalog.summary()).manifests).toBe(1);
    await catalog.tellManifest(manifestFact(A, "child", { cachedAt: 1500 }));
    expect(await catalog.seeManifests({ ...WHOLE, seen: [] })).toEqual({
      unknown: [],
      forgotten: 0,
    });
  });

  it("that are found without their place are kept until it is known", async () => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact("", "image", { cachedAt: 5, adoptedAt: 900 }));
    const [place] = await catalog.places("", 10);
    expect((await catalog.images(place as string, false, "", 10))[0]).toMatchObject({
      pushedAt: 5,
      unknownSince: 900,
    });
    await catalog.dateOrphans(1);
    expect(await catalog.condemn("manifest", 1, 10)).toEqual([]);
    await catalog.report({
      images: [{ place: A, digest: digestFor("image"), at: 950 }],
      blobs: [],
      counts: [],
    });
    expect(await catalog.places("", 10)).toEqual([A]);
  });
});

describe("tags", () => {
  const fact = (tag: string, name: string, at = 0) => {
    return { place: A, tag, digest: digestFor(name), at, gone: false };
  };
  const page = (seen: TagPage["seen"]): TagPage => ({ ...WHOLE, seen });

  it("are adopted with their images, and forgotten", async () => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact("", "image", { cachedAt: 5, adoptedAt: 900 }));
    await catalog.tellTag(fact("gone", "image"));
    await catalog.tellTag(fact("late", "image", 1000));
    expect(await catalog.places("", 10)).toEqual([A]); // told with its place: held there
    expect(await catalog.seeTags(page([fact("v1", "image")]))).toEqual({
      adopted: 1,
      forgotten: 1,
    });
    expect(await catalog.places("", 10)).toEqual([A]);
    expect((await catalog.images(A, false, "", 10))[0]).toMatchObject({
      tags: ["late", "v1"],
      pushedAt: 5,
      unknownSince: 900, // as it was found first
    });
  });

  it("that the upstream does not have any more are not counted", async () => {
    const catalog = freshCatalog();
    await catalog.tellTag(fact("v1", "image"));
    const gone = { ...fact("v1", "image"), gone: true };
    expect(await catalog.seeTags(page([gone]))).toEqual({ adopted: 0, forgotten: 1 });
  });

  it("that are doomed are left to the sweep", async () => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact(A, "image"));
    await catalog.tellTag(fact("v1", "image"));
    const [image] = await catalog.images(A, false, "", 10);
    const expired = { policy: "p", priority: 1, reason: "old", touched: image?.touched ?? 0 };
    await catalog.mark(A, [{ digest: digestFor("image"), ...expired }], 1, 1);
    await catalog.take(await catalog.due(1, undefined, 10), 1, 2, 1);
    expect(await catalog.seeTags(page([fact("v1", "image")]))).toEqual({
      adopted: 0,
      forgotten: 0,
    });
    expect(await catalog.doomed(10)).toHaveLength(1);
    expect(await catalog.places("", 10)).toEqual([]);
  });
});

describe("blobs", () => {
  it("are adopted and forgotten", async () => {
    const catalog = freshCatalog();
    await catalog.tellBlob(blobFact("gone", 100));
    await catalog.tellBlob(blobFact("late", 100, 1000));
    expect(await catalog.seeBlobs(blobs(["x"]))).toEqual({ adopted: 1, forgotten: 1 });
    expect((await catalog.summary()).blobs).toBe(2);
  });

  it("leave segments over, if those are not of the blob's own attempt", async () => {
    const catalog = freshCatalog();
    await catalog.tellBlob(blobFact("x", 10_000_000));
    const segments = [
      { digest: digestFor("x"), attempt: "a1", bytes: 1 },
      { digest: digestFor("x"), attempt: "a2", bytes: 2 },
      { digest: digestFor("y"), attempt: "a1", bytes: 3 },
    ];
    await catalog.seeBlobs(blobs(["x"], { segments }));
    await catalog.seeBlobs(blobs(["x"], { segments, now: 10 }));
    expect(await catalog.leftovers(4, 10)).toEqual([]);
    expect(await catalog.leftovers(5, 10)).toHaveLength(2); // since they were seen first
    // The fill was running, and has come to its end.
    await catalog.tellBlob({ ...blobFact("y", 10_000_000), attempt: "a1" });
    const [left, ...none] = await catalog.leftovers(5, 10);
    expect([left, none]).toEqual([segments[1], []]);
    await catalog.leftoverGone(left as never, undefined, 6, 1);
    expect(await catalog.leftovers(5, 10)).toEqual([]);
  });
});

it("a lost catalog is rebuilt from storage", async () => {
  const catalog = freshCatalog();
  const image = manifestFact(A, "image", { blobs: ["x"] });
  await catalog.tellManifest(image);
  await catalog.tellBlob(blobFact("x", 100));
  await catalog.tellTag({ place: A, tag: "v1", digest: image.digest, at: 0, gone: false });
  const before = await catalog.images(A, true, "", 10);
  await catalog.reset();
  expect(await catalog.summary()).toMatchObject({ images: 0, manifests: 0, blobs: 0, tags: 0 });
  await catalog.tellManifest({ ...image, adoptedAt: 0 });
  await catalog.seeTags({
    ...WHOLE,
    seen: [{ place: A, tag: "v1", digest: image.digest, at: 0, gone: false }],
  });
  await catalog.seeBlobs(blobs(["x"]));
  const after = await catalog.images(A, true, "", 10);
  expect(after.map(({ tags, size, pushedAt }) => ({ tags, size, pushedAt }))).toEqual(
    before.map(({ tags, size, pushedAt }) => ({ tags, size, pushedAt })),
  );
});

describe("when an image was last pulled", () => {
  const tag = (name: string) => ({
    place: A,
    tag: name,
    digest: digestFor(name),
    at: 0,
    gone: false,
  });
  const timesOf = async (catalog: Catalog) =>
    Object.fromEntries(
      (await catalog.images(A, false, "", 10)).map(({ digest, pushedAt, ...one }) => [
        ["pulled", "quiet", "new"].find((name) => digestFor(name) === digest),
        [pushedAt, one.pulledAt, one.unknownSince],
      ]),
    );
  /** A run to its end, as `catalog rebuild` has one. */
  const end = async (catalog: Catalog) => {
    const begun = await catalog.begin("rebuild", 0);
    await catalog.end(begun?.id as number, nothingCounted(), { passedAt: 1 });
  };

  it("is kept by a rebuild where it was known, and unknown since then where it was not", async () => {
    const catalog = freshCatalog();
    for (const name of ["pulled", "quiet"])
      await catalog.tellManifest(manifestFact(A, name, { cachedAt: 100 }));
    const pull = { place: A, digest: digestFor("pulled"), at: 500 };
    await catalog.report({ images: [pull], blobs: [], counts: [] });
    const known = { pulled: [100, 500, undefined], quiet: [100, undefined, undefined] };
    expect(await timesOf(catalog)).toEqual(known);
    // Twice, the first time broken off half-way, with a pull between.
    await catalog.reset();
    await catalog.tellManifest(manifestFact(A, "pulled", { cachedAt: 90, adoptedAt: 600 }));
    await catalog.reset();
    for (const name of ["pulled", "quiet", "new"])
      await catalog.tellManifest(manifestFact(A, name, { cachedAt: 90, adoptedAt: 700 }));
    await catalog.seeTags({ ...WHOLE, seen: ["pulled", "quiet", "new"].map(tag) });
    const after = { ...known, new: [90, undefined, 700] };
    expect(await timesOf(catalog)).toEqual(after);
    // A pass of a later day changes nothing of it.
    await end(catalog);
    await catalog.seeTags({ ...WHOLE, startedAt: 9_000, seen: ["new"].map(tag) });
    expect(await timesOf(catalog)).toEqual(after);
    for (const name of ["new", "pulled"])
      await catalog.report({
        images: [{ place: A, digest: digestFor(name), at: 800 }],
        blobs: [],
        counts: [],
      });
    expect(await timesOf(catalog)).toEqual({
      pulled: [100, 800, undefined],
      quiet: known.quiet,
      new: [90, 800, undefined],
    });
  });

  it("is kept in every place that held the image, whichever of them R2 names", async () => {
    const catalog = freshCatalog();
    const other = "registry.example//team/other";
    for (const place of [other, A])
      await catalog.tellManifest(manifestFact(place, "pulled", { cachedAt: 100 }));
    const images = [{ place: A, digest: digestFor("pulled"), at: 500 }];
    await catalog.report({ images, blobs: [], counts: [] });
    await catalog.reset();
    await catalog.tellManifest(manifestFact(other, "pulled", { cachedAt: 90, adoptedAt: 700 }));
    expect(await timesOf(catalog)).toEqual({ pulled: [100, 500, undefined] });
    expect(await catalog.image(other, digestFor("pulled"))).toEqual({ pushedAt: 100, tags: [] });
  });

  it.each([
    ["in the rebuild", false],
    ["after it", true],
  ])("is not what an image had that was not in R2, and is fetched again %s", async (_, isOver) => {
    const catalog = freshCatalog();
    await catalog.tellManifest(manifestFact(A, "pulled", { cachedAt: 100 }));
    await catalog.reset();
    if (isOver) await end(catalog);
    await catalog.tellManifest(manifestFact(A, "pulled", { cachedAt: 900 }));
    expect(await timesOf(catalog)).toEqual({ pulled: [900, undefined, undefined] });
  });
});
