// Held tags in the catalog: what a tag is held at counts as tagged, for as long as it is held; through a rebuild too.

import { beforeEach, describe, expect, it } from "vitest";
import type { Catalog } from "../../src/catalog/contract.ts";
import type { HoldFact } from "../../src/catalog/record/contract.ts";
import { digestFor, freshCatalog, manifestFact } from "../support/catalog.ts";

let catalog: Catalog;

beforeEach(async () => {
  catalog = freshCatalog();
  await catalog.tellManifest(manifestFact("p", "child"));
  await catalog.tellManifest(manifestFact("p", "old", { children: ["child"] }));
  await catalog.tellTag({ place: "p", tag: "1", digest: digestFor("old"), at: 1, gone: false });
  await catalog.tellManifest(manifestFact("p", "new"));
  await catalog.tellTag({ place: "p", tag: "1", digest: digestFor("new"), at: 2, gone: false });
});

const hold = (more: Partial<HoldFact> = {}, name = "old") =>
  catalog.tellHold({
    place: "p",
    tag: "1",
    rule: "r",
    at: 10,
    hold: {
      ...(name !== "" && { accepted: digestFor(name) }),
      candidate: digestFor("new"),
      since: 2,
      until: 100,
      moves: 1,
    },
    ...more,
  });

const over = (at = 20, because = "aged") =>
  catalog.tellHold({ place: "p", tag: "1", rule: "r", at, because });

async function tags(): Promise<Record<string, string[]>> {
  const images = await catalog.images("p", false, "", 100);
  const names = ["old", "new", "child"].map((name) => [digestFor(name), name]);
  return Object.fromEntries(
    images.map(({ digest, tags: own }) => [Object.fromEntries(names)[digest], own]),
  );
}

describe("a digest that a tag is held at", () => {
  it("counts as tagged by it until the hold is over", async () => {
    expect(await tags()).toEqual({ old: [], new: ["1"] });
    await hold();
    expect(await tags()).toEqual({ old: ["1"], new: ["1"] });
    expect((await catalog.image("p", digestFor("old")))?.tags).toEqual(["1"]);
    await over();
    expect(await tags()).toEqual({ old: [], new: ["1"] });
  });

  it("counts once, whatever number of rules hold it", async () => {
    await hold();
    await hold({ rule: "other" });
    expect(await tags()).toEqual({ old: ["1"], new: ["1"] });
    await over();
    expect(await tags()).toEqual({ old: ["1"], new: ["1"] });
  });

  it("still does after a rebuild", async () => {
    await hold();
    await catalog.reset();
    expect(await catalog.heldTags(undefined, 10)).toHaveLength(1);
    await catalog.tellManifest(manifestFact("p", "old", { children: ["child"] }));
    await catalog.tellManifest(manifestFact("p", "new"));
    expect(await tags()).toMatchObject({ old: ["1"] });
  });

  it("is pinned by the tag's pin, with the new one", async () => {
    await catalog.pin("p", "1", "somebody", 5);
    const pinned = async () =>
      (await catalog.images("p", false, "", 100))
        .filter((image) => image.pinned)
        .map(({ digest }) => digest)
        .sort();
    expect(await pinned()).toEqual([digestFor("new")]);
    await hold();
    expect(await pinned()).toEqual([digestFor("new"), digestFor("old")].sort());
  });

  it("stays in its place when an image that leads to it leaves", async () => {
    await catalog.tellManifest(manifestFact("p", "index", { children: ["old"] }));
    const leave = () => catalog.remove("p", { digest: digestFor("index") }, "x", false, 30);
    await hold();
    await leave();
    expect(await tags()).toMatchObject({ old: ["1"] });
  });
});

describe("held tags", () => {
  it("are listed in pages, with what they serve", async () => {
    await hold();
    await hold({ tag: "2" }, "");
    await hold({ place: "q" });
    const [first] = await catalog.heldTags(undefined, 1);
    expect(first).toMatchObject({
      place: "p",
      tag: "1",
      rule: "r",
      hold: { until: 100, moves: 1 },
    });
    const rest = await catalog.heldTags(first, 10);
    expect(rest.map(({ place, tag }) => `${place}:${tag}`)).toEqual(["p:2", "q:1"]);
    expect(rest[0]?.hold).not.toHaveProperty("accepted");
    expect((await catalog.numbers(0)).held).toBe(3);
  });

  it("happen as events when they begin, get another digest, and end; once each", async () => {
    await hold();
    await hold({ at: 11 });
    await hold({ at: 12, hold: { candidate: digestFor("newer"), since: 12, moves: 2 } });
    await over(20, "released by x");
    await over(21);
    const events = (await catalog.happened(undefined, 100)).filter(({ what }) =>
      ["tag.held", "tag.released"].includes(what),
    );
    expect(events.map(({ what, at, detail }) => [what, at, detail])).toEqual([
      ["tag.held", 10, "r: an older digest is served until 1970-01-01T00:00:00.100Z"],
      ["tag.held", 12, "r: refused; it moved 2 times within the minimum age"],
      ["tag.released", 20, "r: released by x"],
    ]);
  });

  it("are forgotten with their tag, whether a sweep deletes it or the upstream", async () => {
    await hold();
    const doomed = { place: "p", tag: "1", digest: digestFor("new") };
    await catalog.remove("p", { tag: "1" }, "x", true, 30);
    await catalog.tagGone(doomed, true, 30, 0);
    expect(await catalog.heldTags(undefined, 10)).toEqual([]);
    await hold({ tag: "2", at: 40 });
    await catalog.tellTag({ place: "p", tag: "2", digest: digestFor("new"), at: 50, gone: true });
    expect(await catalog.heldTags(undefined, 10)).toEqual([]);
  });

  it("are not brought back by a late report", async () => {
    await hold();
    await hold({ at: 5, hold: { candidate: digestFor("x"), since: 1, moves: 0 } });
    expect(await catalog.heldTags(undefined, 10)).toMatchObject([
      { hold: { candidate: digestFor("new") } },
    ]);
  });
});

describe("tags to check", () => {
  const look = (now: number, places = ["p", "q"], limit = 10) =>
    catalog.tagsToCheck({ day: "2026-11-02", places, before: now - 100, now }, limit);
  const pulls = async (place: string, tag: string, day: string) => {
    await tagged(place, tag);
    await catalog.report({
      images: [],
      blobs: [],
      counts: [],
      pulls: [{ day, place, digest: digestFor("old"), tag, pulls: 1 }],
    });
  };
  const tagged = (place: string, tag: string) =>
    catalog.tellTag({ place, tag, digest: digestFor("old"), at: 1, gone: false });

  it("are those that are held or were pulled lately, longest unseen first, each once in a time", async () => {
    await pulls("p", "late", "2026-11-03");
    await pulls("p", "early", "2026-11-01");
    await pulls("q", "late", "2026-11-02");
    await pulls("other", "late", "2026-11-03");
    await tagged("p", "held");
    await hold({ tag: "held" });
    await hold({ tag: "deleted" });
    expect(await look(1_000, undefined, 2)).toEqual([
      { place: "p", tag: "held" },
      { place: "p", tag: "late" },
    ]);
    expect(await look(1_050)).toEqual([{ place: "q", tag: "late" }]);
    expect(await look(1_060)).toEqual([]);
    expect(await look(1_120)).toEqual([
      { place: "p", tag: "held" },
      { place: "p", tag: "late" },
    ]);
    expect(await look(9_000, [])).toEqual([]);
  });
});
