// Images that are deleted or pinned by the API.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openCatalog } from "../../src/catalog/open.ts";
import type { Env } from "../../src/env.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { api, bearer, VIEWER } from "../support/access.ts";
import { fixture, repository } from "../support/cache.ts";
import type { Image } from "../support/fixture.ts";
import { clean } from "../support/lifecycle.ts";
import { receive } from "../support/transfers.ts";
import { DAY, imagesOf, own, pulled, type Told } from "./image-caches.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("deleting", () => {
  it("one of several tags removes only the tag; the last one removes the image, and sweeps its contents", async () => {
    await clean();
    const { rule, cache } = own({ lifecycle: { rules: [] } });
    const [name, other] = [repository("deleted"), repository("kept")];
    const image = await fixture.image(name, "1", { layers: [3_000, 40], seed: name });
    await fixture.tag(name, "2", image.digest);
    const sharing = await fixture.image(other, "1", { layers: [3_000], seed: name });
    await pulled(cache, rule, name, "1", image);
    await pulled(cache, rule, name, "2", image);
    await pulled(cache, rule, other, "1", sharing);
    const drop = async (reference: string) =>
      (await api(cache, "DELETE", `images?reference=${encodeURIComponent(reference)}`)).json();
    expect(await drop(`${rule}/${name}:1`)).toMatchObject({ tags: ["1"], image: false, freed: 0 });
    expect((await imagesOf(cache, `q=${name}`)).images).toMatchObject([{ tags: ["2"] }]);
    const gone = (await drop(`${rule}/${name}:2`)) as { freed: number };
    expect(gone).toMatchObject({ digest: image.digest, tags: ["2"], image: true });
    expect(gone.freed).toBe(image.bytes.byteLength + image.config.size + 40);
    expect((await imagesOf(cache, `q=${name}`)).images).toEqual([]);
    const now = Date.now();
    await cache.sweep(now + 2 * DAY);
    await cache.sweep(now + 4 * DAY);
    // What is shared is here; what was its own is fetched anew.
    await pulled(cache, rule, other, "1", sharing);
    const requestsOf = async (repositoryName: string) =>
      (await fixture.requests({ repository: repositoryName, kind: "blob", method: "GET" })).map(
        ({ reference }) => reference,
      );
    const shared = image.layers[0]?.digest as string;
    const before = (await requestsOf(name)).length + (await requestsOf(other)).length;
    await receive(cache.fetch(`${rule}/${other}/blobs/${shared}`));
    expect((await requestsOf(name)).length + (await requestsOf(other)).length).toBe(before);
    await pulled(cache, rule, name, "1", image);
    const anew = (await requestsOf(name)).filter((digest) => digest === image.layers[1]?.digest);
    expect(anew).toHaveLength(2);
  });

  it("by digest removes an image with all its tags; a part of an index stays, also when forced", async () => {
    const { rule, cache } = own();
    const name = repository("by-digest");
    const child = await fixture.image(name, undefined, { layers: [100] });
    const index = await fixture.index(name, "a", [child]);
    await fixture.tag(name, "b", index.digest);
    for (const tag of ["a", "b"]) await cache.bytes(`${rule}/${name}/manifests/${tag}`);
    await cache.bytes(`${rule}/${name}/manifests/${child.digest}`);
    await cache.settled();
    const drop = (digest: string, more = "") =>
      api(cache, "DELETE", `images?reference=${rule}/${name}@${digest}${more}`);
    for (const more of ["", "&force=true"]) {
      const refused = await drop(child.digest, more);
      expect([refused.status, await refused.text()]).toEqual([
        409,
        expect.stringContaining(`is part of ${index.digest}`),
      ]);
    }
    expect(await (await drop(index.digest)).json()).toMatchObject({
      tags: ["a", "b"],
      image: true,
    });
    expect((await imagesOf(cache, `q=${name}`)).images).toEqual([]);
    // A pull brings it back, and finds the manifest that is still here.
    await cache.bytes(`${rule}/${name}/manifests/a`);
    await cache.settled();
    expect((await imagesOf(cache, `q=${name}`)).images).toMatchObject([{ tags: ["a"] }]);
  });

  it("that was interrupted continues when it is repeated; after that the image is unknown", async () => {
    const { rule, cache } = own();
    const name = repository("broken-off");
    const image = await fixture.image(name, "a", { layers: [100] });
    await fixture.tag(name, "b", image.digest);
    for (const tag of ["a", "b"]) await pulled(cache, rule, name, tag, image);
    const place = (await imagesOf(cache, `q=${name}`)).images[0] as Told & { place: string };
    const catalog = openCatalog(env as unknown as Env);
    // What the first try did before it was broken off.
    await catalog.remove(place.place, { digest: image.digest as Digest }, "x", false, Date.now());
    const again = () => api(cache, "DELETE", `images?reference=${rule}/${name}@${image.digest}`);
    const answer = (await (await again()).json()) as { tags: string[] };
    expect(answer).toMatchObject({ image: true, waiting: [] });
    expect(answer.tags.sort()).toEqual(["a", "b"]);
    expect((await again()).status).toBe(404);
  });

  it("removes a signature's tag too, by its own digest", async () => {
    const { rule, cache } = own();
    const name = repository("signed");
    const image = await fixture.image(name, "1", { layers: [100] });
    const signature = `${image.digest.replace(":", "-")}.sig`;
    const signing = await fixture.image(name, signature, { layers: [30], seed: `${name}-sig` });
    await pulled(cache, rule, name, "1", image);
    await pulled(cache, rule, name, signature, signing);
    const drop = async () =>
      (await (await api(cache, "DELETE", `images?reference=${rule}/${name}:1`)).json()) as {
        tags: string[];
      };
    expect((await drop()).tags.sort()).toEqual(["1", signature].sort());
    const before = (await fixture.requests({ repository: name, reference: signature })).length;
    await cache.bytes(`${rule}/${name}/manifests/${signature}`);
    // It is known no more: the upstream is asked.
    const after = (await fixture.requests({ repository: name, reference: signature })).length;
    expect(after).toBeGreaterThan(before);
  });

  it("leaves nothing in the memory of the isolate that did it", async () => {
    const { rule, cache } = own();
    const name = repository("forgotten");
    await pulled(cache, rule, name, "1", await fixture.image(name, "1"));
    await cache.bytes(`${rule}/${name}/manifests/1`);
    await cache.settled();
    const deleted = await api(cache, "DELETE", `images?reference=${rule}/${name}:1`);
    expect(await deleted.json()).toMatchObject({ tags: ["1"], image: true });
    const before = (await fixture.requests({ repository: name, reference: "1" })).length;
    await cache.bytes(`${rule}/${name}/manifests/1`);
    expect((await fixture.requests({ repository: name, reference: "1" })).length).toBeGreaterThan(
      before,
    );
  });

  it("a pinned image is refused, by tag and by digest, also when a platform is pinned; and is not recorded", async () => {
    const { rule, cache } = own();
    const name = repository("pinned-part");
    const child = await fixture.image(name, undefined, { layers: [100] });
    const index = await fixture.index(name, "1", [child]);
    await cache.bytes(`${rule}/${name}/manifests/1`);
    await cache.bytes(`${rule}/${name}/manifests/${child.digest}`);
    await cache.settled();
    await api(cache, "POST", `images/pin?reference=${rule}/${name}@${child.digest}`);
    for (const reference of [`${name}:1`, `${name}@${index.digest}`])
      expect([
        reference,
        (await api(cache, "DELETE", `images?reference=${rule}/${reference}`)).status,
      ]).toEqual([reference, 409]);
    const audit = await (await api(cache, "GET", "audit?n=3")).text();
    expect(audit).not.toContain(`deleted ${rule}/${name}`);
    const forced = await api(cache, "DELETE", `images?reference=${rule}/${name}:1&force=true`);
    expect(await forced.json()).toMatchObject({ image: true, tags: ["1"] });
  });

  it("is for admins, and is recorded", async () => {
    const { rule, cache } = own();
    const name = repository("recorded");
    await pulled(cache, rule, name, "1", await fixture.image(name, "1"));
    const reference = `reference=${rule}/${name}:1`;
    for (const [method, path] of [
      ["DELETE", "images"],
      ["POST", "images/pin"],
      ["DELETE", "images/pin"],
    ] as const)
      expect(
        (await api(cache, method, `${path}?${reference}`, undefined, bearer(VIEWER))).status,
      ).toBe(403);
    await api(cache, "DELETE", `images?${reference}`);
    const audit = (await (await api(cache, "GET", "audit?n=1")).json()) as {
      actions: { what: string }[];
    };
    expect(audit.actions[0]?.what).toBe(`deleted ${rule}/${name}:1`);
  });
});

describe("a pin", () => {
  it("keeps an image that its policy expires, by its tag or its digest, until it is taken back", async () => {
    await clean();
    const lifecycle = {
      rules: [
        {
          rulePriority: 1,
          selection: {
            tagStatus: "any",
            countType: "sinceImagePulled",
            countUnit: "days",
            countNumber: 1,
          },
          action: { type: "expire" },
        },
      ],
    };
    const { rule, cache } = own({ lifecycle });
    const names = [repository("pinned-tag"), repository("pinned-digest"), repository("loose")];
    const all = await Promise.all(
      names.map((name, at) => fixture.image(name, "1", { layers: [100 + at] })),
    );
    for (const [at, name] of names.entries())
      await pulled(cache, rule, name, "1", all[at] as Image);
    const pin = (method: string, reference: string) =>
      api(cache, method, `images/pin?reference=${rule}/${reference}`);
    expect((await pin("POST", `${names[0]}:1`)).status).toBe(200);
    expect((await pin("POST", `${names[1]}@${all[1]?.digest}`)).status).toBe(200);
    const left = async () =>
      (await imagesOf(cache, `rule=${rule}`)).images
        .map(({ name }) => name.slice(rule.length + 1))
        .sort();
    const now = Date.now();
    for (const days of [3, 5, 7]) await cache.sweep(now + days * DAY);
    expect(await left()).toEqual([names[0], names[1]].toSorted());
    expect((await imagesOf(cache, `rule=${rule}`)).images.map(({ pinned }) => pinned)).toEqual([
      true,
      true,
    ]);
    const refused = await api(cache, "DELETE", `images?reference=${rule}/${names[0]}:1`);
    expect(refused.status).toBe(409);
    expect((await pin("DELETE", `${names[0]}:1`)).status).toBe(200);
    expect((await pin("DELETE", `${names[0]}:1`)).status).toBe(404);
    for (const days of [9, 11, 13]) await cache.sweep(now + days * DAY);
    expect(await left()).toEqual([names[1]]);
    const forced = await api(cache, "DELETE", `images?reference=${rule}/${names[1]}:1&force=true`);
    expect(forced.status).toBe(200);
    expect(await left()).toEqual([]);
  });

  it("of a platform keeps the index that leads to it", async () => {
    await clean();
    const selection = {
      tagStatus: "any",
      countType: "sinceImagePulled",
      countUnit: "days",
      countNumber: 1,
    };
    const lifecycle = { rules: [{ rulePriority: 1, selection, action: { type: "expire" } }] };
    const { rule, cache } = own({ lifecycle });
    const [name, loose] = [repository("kept-index"), repository("loose-index")];
    for (const one of [name, loose]) {
      const child = await fixture.image(one, undefined, { layers: [100] });
      await fixture.index(one, "1", [child]);
      await cache.bytes(`${rule}/${one}/manifests/1`);
      await cache.bytes(`${rule}/${one}/manifests/${child.digest}`);
      await cache.settled();
      if (one === name)
        await api(cache, "POST", `images/pin?reference=${rule}/${one}@${child.digest}`);
    }
    const one = { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 };
    const strict = { rules: [{ rulePriority: 1, selection: one, action: { type: "expire" } }] };
    const previewed = await (await api(cache, "POST", "lifecycle/preview", strict)).json();
    expect(previewed).toMatchObject({ examined: 2, pinned: 1 });
    const now = Date.now();
    for (const days of [3, 5, 7]) await cache.sweep(now + days * DAY);
    expect((await imagesOf(cache, `rule=${rule}`)).images).toMatchObject([
      { name: `${rule}/${name}`, tags: ["1"], pinned: true },
    ]);
  });

  it("survives a rebuild of the catalog", async () => {
    const { rule, cache } = own();
    const name = repository("rebuilt");
    await pulled(cache, rule, name, "1", await fixture.image(name, "1"));
    await api(cache, "POST", `images/pin?reference=${rule}/${name}:1`);
    for (let query = "?fresh=true"; ; query = "") {
      const answer = (await (await api(cache, "POST", `catalog/rebuild${query}`)).json()) as {
        done: boolean;
      };
      if (answer.done) break;
    }
    expect((await imagesOf(cache, `q=${name}`)).images).toMatchObject([{ pinned: true }]);
  });
});
