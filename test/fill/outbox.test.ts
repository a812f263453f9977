// What the fills tell the catalog: before it is visible, and, where the catalog is away, later.

import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CatalogObject } from "../../src/catalog/object.ts";
import type { ManifestFact } from "../../src/catalog/record/contract.ts";
import type { Env } from "../../src/env.ts";
import { Outbox } from "../../src/fill/shared/outbox.ts";
import { MAX_DESCRIPTORS } from "../../src/oci/bounds.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";
import { BlobStore } from "../../src/store/blobs.ts";
import { ManifestStore } from "../../src/store/manifests.ts";
import { TagStore } from "../../src/store/tags.ts";
import { alarms } from "../support/alarms.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { SEGMENT } from "../support/edge.ts";
import { catalog, clean, pullWhole } from "../support/lifecycle.ts";
import { eventually } from "../support/waiting.ts";

type Tells = "tellManifest" | "tellBlob" | "tellTag" | "report";

beforeEach(clean);
afterEach(() => {
  vi.restoreAllMocks();
});

/** The order in which things happened: calls of these methods. */
function watched(...methods: [object, string][]): string[] {
  const order: string[] = [];
  for (const [prototype, method] of methods) {
    const target = prototype as Record<string, (...args: unknown[]) => unknown>;
    const original = target[method] as (...args: unknown[]) => unknown;
    vi.spyOn(target, method).mockImplementation(function (this: unknown, ...args) {
      order.push(method);
      return original.apply(this, args);
    });
  }
  return order;
}

function deafCatalog(...methods: Tells[]): void {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  for (const method of methods) {
    vi.spyOn(CatalogObject.prototype, method).mockImplementation(async () => {
      throw new Error("the catalog is away");
    });
  }
}

it("a manifest and a tag are told before they are stored, and a blob once it is", async () => {
  const cache = cacheApart();
  const name = repository("order");
  const image = await fixture.image(name, "1");
  const order = watched(
    [CatalogObject.prototype, "tellManifest"],
    [CatalogObject.prototype, "tellTag"],
    [CatalogObject.prototype, "tellBlob"],
    [ManifestStore.prototype, "put"],
    [TagStore.prototype, "record"],
    [BlobStore.prototype, "publishWhole"],
  );
  await cache.bytes(`open/${name}/manifests/1`);
  expect(order).toEqual(["tellTag", "record", "tellManifest", "put"]);
  order.length = 0;
  await cache.bytes(`open/${name}/blobs/${image.config.digest}`);
  await eventually(() => expect(order).toEqual(["publishWhole", "tellBlob"]));
});

describe("a catalog that is away", () => {
  it("holds up no pull, and is told later all that was fetched", async () => {
    const cache = cacheApart();
    const name = repository("away");
    const child = await fixture.image(name, undefined, { layers: [1000, SEGMENT + 1] });
    const index = await fixture.index(name, "1", [child]);
    deafCatalog("tellManifest", "tellBlob", "tellTag", "report");
    await cache.bytes(`open/${name}/manifests/1`);
    await pullWhole(cache, `open/${name}`, child.digest, child);
    expect(await catalog.summary()).toMatchObject({ images: 0, manifests: 0, blobs: 0, tags: 0 });
    await eventually(async () => {
      // Still away: the alarm comes back.
      await alarms();
      expect((await catalog.summary()).blobs).toBe(0);
    });
    vi.restoreAllMocks();
    await eventually(async () => {
      await alarms();
      expect(await catalog.summary()).toMatchObject({ images: 2, manifests: 2, blobs: 3, tags: 1 });
    });
    const [place = ""] = await catalog.places("", 1);
    expect(await catalog.images(place, false, "", 10)).toMatchObject([
      {
        digest: index.digest,
        tags: ["1"],
        size: index.size + child.size + child.config.size + 1001 + SEGMENT,
      },
    ]);
    // And then the objects are empty.
    await eventually(async () => {
      await alarms();
      expect(await alarms()).toBe(0);
    });
  }, 60_000);

  it("that never answers does not hold up a pull for ever", async () => {
    const cache = cacheApart();
    const name = repository("slow");
    const image = await fixture.image(name, "1");
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const never = vi
      .spyOn(CatalogObject.prototype, "tellManifest")
      .mockImplementation(() => new Promise(() => {}));
    expect(await cache.bytes(`open/${name}/manifests/1`)).toEqual(image.bytes);
    expect(never).toHaveBeenCalled();
  });

  it("and objects that are reset: the blob is told by the alarm", async () => {
    const cache = cacheApart();
    const name = repository("reset");
    const { digest } = await fixture.blob(name, "some bytes");
    deafCatalog("tellBlob");
    await cache.bytes(`open/${name}/blobs/${digest}`);
    await abortAllDurableObjects();
    vi.restoreAllMocks();
    await eventually(async () => {
      await alarms();
      expect((await catalog.summary()).blobs).toBe(1);
    });
    expect(await fixture.requests({ repository: name, kind: "blob" })).toHaveLength(1);
  });
});

describe("an outbox", () => {
  const { MANIFEST_FILL } = env as unknown as Env;
  const digests = (count: number) =>
    Array.from({ length: count }, (_, at) =>
      digestOf(new TextEncoder().encode(`part ${at}`), "sha512"),
    );
  const factFor = (place: string, blobs: Digest[] = []): { manifest: ManifestFact } => {
    const digest = digestOf(new TextEncoder().encode(`of ${place}`));
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    return { manifest: { digest, place, mediaType, size: 1, children: [], blobs, cachedAt: 1 } };
  };
  const inObject = <T>(work: (state: DurableObjectState) => Promise<T>): Promise<T> => {
    const stub = MANIFEST_FILL.get(MANIFEST_FILL.newUniqueId()) as DurableObjectStub<never>;
    return runInDurableObject(stub, (_, state) => work(state));
  };
  const places = async () => (await catalog.places("", 100)).filter((one) => one !== "?");

  it("holds any number of the largest facts, in their order", async () => {
    const parts = digests(MAX_DESCRIPTORS);
    const tellManifest = vi.spyOn(CatalogObject.prototype, "tellManifest");
    tellManifest.mockImplementation(async () => {
      throw new Error("the catalog is away");
    });
    vi.spyOn(console, "warn").mockImplementation(() => {});
    await inObject(async (state) => {
      const outbox = new Outbox(state.storage, env as unknown as Env);
      const facts = ["a//1", "a//2", "a//3", "a//4"].map((place) => factFor(place, parts));
      await Promise.all(facts.map((fact) => outbox.tell(fact)));
      expect(await outbox.isEmpty()).toBe(false);
      expect(await outbox.empty()).toBe(false);
      const sent: string[] = [];
      tellManifest.mockImplementation(async ({ place }) => {
        sent.push(place);
        return { value: { going: [] } };
      });
      expect(await outbox.empty()).toBe(true);
      expect(sent).toEqual(["a//1", "a//2", "a//3", "a//4"]);
      expect(await outbox.isEmpty()).toBe(true);
      expect((await state.storage.list()).size).toBe(0);
    });
  });

  it("that an earlier version has filled is told first", async () => {
    await inObject(async (state) => {
      await state.storage.put("outbox", [factFor("b//1"), factFor("b//2")]);
      const outbox = new Outbox(state.storage, env as unknown as Env);
      expect(await outbox.isEmpty()).toBe(false);
      expect(await outbox.empty()).toBe(true);
      expect(await places()).toEqual(["b//1", "b//2"]);
      expect(await outbox.isEmpty()).toBe(true);
    });
  });
});

it("a tag that is told late does not undo what is known since", async () => {
  const cache = cacheApart({ tagTtl: "1ms" });
  const name = repository("late");
  const [one, two] = [
    await fixture.image(name, "1", { seed: "a" }),
    await fixture.image(name, undefined, { seed: "b" }),
  ];
  deafCatalog("tellTag");
  await cache.bytes(`open/${name}/manifests/1`);
  vi.restoreAllMocks();
  await fixture.tag(name, "1", two.digest);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await cache.bytes(`open/${name}/manifests/1`);
  await alarms();
  const [place = ""] = await catalog.places("", 1);
  const images = await catalog.images(place, false, "", 10);
  expect(images.map(({ digest, tags }) => [digest, tags])).toEqual([
    [one.digest, []],
    [two.digest, ["1"]],
  ]);
});
