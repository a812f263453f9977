// What a place is linked to, as the catalog knows it: the same for a place with few images, which are gone through, and for one with many.

import { beforeAll, describe, expect, it } from "vitest";
import { digestFor, freshCatalog, manifestFact } from "../support/catalog.ts";

describe.each([
  ["few", 3],
  ["many", 260],
])("a place with %s images", (_, images) => {
  const catalog = freshCatalog();
  const linked = (name: string, place = "p") => catalog.linked(place, digestFor(name));

  beforeAll(async () => {
    await catalog.tellManifest(
      manifestFact("p", "image", {
        blobs: ["config", "layer", "foreign"],
        foreign: [digestFor("foreign")],
      }),
    );
    await catalog.tellManifest(manifestFact("elsewhere", "child", { blobs: ["of child"] }));
    await catalog.tellManifest(manifestFact("p", "index", { children: ["child", "absent"] }));
    await catalog.tellManifest(
      manifestFact("other", "signature", { subject: "image", blobs: ["of signature"] }),
    );
    await catalog.tellManifest(manifestFact("other", "secret", { blobs: ["layer", "of secret"] }));
    for (let at = 0; at < images; at++)
      await catalog.tellManifest(
        manifestFact("p", `more ${at}`, { blobs: [`blob ${at}`, "shared"] }),
      );
  });

  it.each([
    ["image", true],
    ["config", true],
    ["layer", true],
    ["index", true],
    ["child", true],
    ["of child", true],
    ["absent", true],
    ["shared", true],
    ["blob 2", true],
    ["foreign", false],
    ["signature", false],
    ["of signature", false],
    ["secret", false],
    ["of secret", false],
    ["unknown", false],
  ])("%s: %s", async (name, expected) => {
    expect(await linked(name)).toBe(expected);
  });

  describe("tags and roots of a digest:", () => {
    beforeAll(async () => {
      const tags = { latest: "index", "1": "index", solo: "image", looked: "only looked at" };
      for (const [tag, meaning] of Object.entries(tags))
        await catalog.tellTag({
          ...{ place: "p", tag, digest: digestFor(meaning), at: 1, gone: false },
        });
    });

    it.each([
      { title: "a child", name: "child", tags: ["1", "latest"], roots: ["index"] },
      {
        title: "a child that was never here",
        name: "absent",
        tags: ["1", "latest"],
        roots: ["index"],
      },
      { title: "a layer of a child", name: "of child", tags: ["1", "latest"], roots: ["index"] },
      { title: "a layer", name: "layer", tags: ["solo"], roots: ["image"] },
      { title: "a config", name: "config", tags: ["solo"], roots: ["image"] },
      { title: "the image itself", name: "image", tags: ["solo"], roots: ["image"] },
      {
        title: "a digest that is known by a tag only",
        name: "only looked at",
        tags: ["looked"],
        roots: ["only looked at"],
      },
      { title: "a layer of an untagged image", name: "blob 2", tags: [], roots: ["more 2"] },
      { title: "a foreign layer", name: "foreign", tags: [], roots: [] },
      { title: "a layer of another place", name: "of secret", tags: [], roots: [] },
      { title: "an unknown digest", name: "unknown", tags: [], roots: [] },
    ])("$title", async ({ name, tags, roots }) => {
      const leading = await catalog.leading("p", digestFor(name));
      expect(leading.tags.map(({ tag }) => tag).toSorted()).toEqual(tags);
      expect(leading.roots).toEqual(roots.map(digestFor));
      expect(await catalog.leading("nowhere", digestFor(name))).toEqual({ tags: [], roots: [] });
    });
  });

  it("answers false for an unknown place", async () => {
    expect(await linked("image", "nowhere")).toBe(false);
    expect(await linked("of secret", "other")).toBe(true);
    expect(await linked("config", "other")).toBe(false);
  });
});
