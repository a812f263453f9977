// Deletion by request, and pins: the catalog decides and acts in one step.

import { runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { Catalog } from "../../src/catalog/contract.ts";
import { openCatalog } from "../../src/catalog/open.ts";
import type { Env } from "../../src/env.ts";
import { digestFor, freshCatalog, manifestFact, ownCatalog } from "../support/catalog.ts";

let catalog: Catalog;
const remove = (reference: { tag: string } | string, force = false) => {
  const named = typeof reference === "string" ? { digest: digestFor(reference) } : reference;
  return catalog.remove("p", named, "somebody", force, 1_000);
};
const pin = (reference: string) => catalog.pin("p", reference, "somebody", 500);

beforeEach(async () => {
  catalog = freshCatalog();
  await catalog.tellManifest(manifestFact("p", "child"));
  await catalog.tellManifest(manifestFact("p", "index", { children: ["child"] }));
  await catalog.tellManifest(manifestFact("p", "signature", { subject: "index" }));
  for (const [tag, name] of [
    ["a", "index"],
    ["b", "index"],
    ["c", "child"],
  ] as const)
    await catalog.tellTag({ place: "p", tag, digest: digestFor(name), at: 1, gone: false });
});

describe("a pinned image", () => {
  it.each([
    { title: "a tag", pinned: "a", deleted: { tag: "a" } },
    { title: "an image, by a tag of it", pinned: "a", deleted: "index" },
    { title: "an image, by its digest", pinned: digestFor("index"), deleted: "index" },
    { title: "an image, by a platform of it", pinned: digestFor("child"), deleted: "index" },
    { title: "an image, by a platform's tag", pinned: "c", deleted: "index" },
    { title: "an image, by its signature", pinned: digestFor("signature"), deleted: "index" },
  ] as const)("$title is not deleted, unless that is forced", async ({ pinned, deleted }) => {
    await pin(pinned);
    expect(await remove(deleted)).toEqual({ refused: "pinned" });
    expect(await remove(deleted, true)).toMatchObject({ doomed: expect.any(Array) });
  });

  it("by its digest may lose one of several tags, and not the last one", async () => {
    await pin(digestFor("index"));
    expect(await remove({ tag: "a" })).toMatchObject({ left: false, doomed: [{ tag: "a" }] });
    expect(await remove({ tag: "b" })).toEqual({ refused: "pinned" });
  });

  it("loses its mark, and so does each index of it", async () => {
    const [image] = (await catalog.images("p", false, "", 10)).filter(
      ({ digest }) => digest === digestFor("index"),
    );
    const expired = { policy: "x", priority: 1, reason: "old", touched: image?.touched as number };
    await catalog.mark("p", [{ digest: digestFor("index"), ...expired }], 600, 1);
    expect((await catalog.image("p", digestFor("index")))?.expiredAt).toBe(600);
    await pin(digestFor("child"));
    expect((await catalog.image("p", digestFor("index")))?.expiredAt).toBeUndefined();
  });
});

describe("a manifest that another one refers to", () => {
  it.each(["child", "signature"])("%s is not deleted, also when forced", async (name) => {
    const led = { refused: "led to", by: digestFor("index") };
    expect(await remove(name)).toEqual(led);
    expect(await remove(name, true)).toEqual(led);
  });

  it("loses its tag, and stays as a part of the other", async () => {
    expect(await remove({ tag: "c" })).toMatchObject({ left: false, doomed: [{ tag: "c" }] });
    expect(await catalog.image("p", digestFor("child"))).toBeDefined();
  });
});

it("a repeated deletion continues with the remaining tags, each with its own digest", async () => {
  const sig = `${digestFor("index").replace(":", "-")}.sig`;
  await catalog.tellTag({
    place: "p",
    tag: sig,
    digest: digestFor("signature"),
    at: 1,
    gone: false,
  });
  const tags = [
    { place: "p", tag: "a", digest: digestFor("index") },
    { place: "p", tag: "b", digest: digestFor("index") },
    { place: "p", tag: sig, digest: digestFor("signature") },
  ];
  for (let time = 0; time < 2; time++) {
    const answer = (await remove("index")) as { left: boolean; doomed: { tag: string }[] };
    expect(answer.left).toBe(true);
    expect(answer.doomed).toHaveLength(3);
    expect(answer.doomed).toEqual(expect.arrayContaining(tags));
  }
  expect(await remove({ tag: "a" })).toMatchObject({ left: true });
  for (const tag of tags) await catalog.tagGone(tag, true, 2_000, 0);
  expect(await remove("index")).toBeUndefined();
});

it("at the largest number of pins, a pinned image can be pinned again, and no other", async () => {
  const CATALOG = ownCatalog();
  const full = openCatalog({ CATALOG });
  await full.summary();
  const stub = (CATALOG as Env["CATALOG"]).get((CATALOG as Env["CATALOG"]).idFromName(""));
  await runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
       INSERT INTO pins SELECT 'p', i, 0, 'somebody' FROM n`,
    ),
  );
  expect(await full.pin("p", "17", "another", 1)).toBe(true);
  expect(await full.pin("p", "10001", "another", 1)).toBe(false);
  expect(await full.unpin("p", "17")).toBe(true);
  expect(await full.pin("p", "10001", "another", 1)).toBe(true);
});
