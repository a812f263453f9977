// The lifecycle as a property: whatever the order of pulls, moves of tags, time, sweeps, pulls while a sweep is at work, and crashes
// between any two steps, (1) what was pulled is wholly pullable with the upstream cut off for as long as its policy and the grace last,
// (2) nothing is left of what nobody pulls, and (3) the bytes that are said to be freed are those that left R2.

import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CatalogObject } from "../../src/catalog/object.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { BlobStore } from "../../src/store/blobs.ts";
import { ManifestStore } from "../../src/store/manifests.ts";
import { TagStore } from "../../src/store/tags.ts";
import { alarms } from "../support/alarms.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { SEGMENT } from "../support/edge.ts";
import type { Image, ManifestInfo } from "../support/fixture.ts";
import { catalog, clean, DAY, HOUR, lastRun, stored } from "../support/lifecycle.ts";
import { eventually } from "../support/waiting.ts";

/** An image is kept for so long after its last pull, and then a grace. */
const KEPT = 3 * DAY;
const GRACE = DAY;

const POLICY = {
  rules: [
    {
      rulePriority: 1,
      selection: {
        tagStatus: "any",
        countType: "sinceImagePulled",
        countUnit: "days",
        countNumber: 3,
      },
      action: { type: "expire" },
    },
  ],
};

/** Where a crash may come: before and after each of these, which change what is stored. */
const POINTS: [object, string[]][] = [
  [ManifestStore.prototype, ["put", "remove"]],
  [BlobStore.prototype, ["publishWhole", "publish", "remove", "deleteAttempt"]],
  [TagStore.prototype, ["record", "put", "remove"]],
  [
    CatalogObject.prototype,
    [
      "tellManifest",
      "tellBlob",
      "tellTag",
      "mark",
      "take",
      "tagGone",
      "condemn",
      "removed",
      "leftoverGone",
      "end",
    ],
  ],
];

class Crash {
  /** How many points are passed before it. */
  #left = Number.POSITIVE_INFINITY;
  #isDead = false;

  constructor() {
    for (const [prototype, methods] of POINTS) {
      for (const method of methods) {
        const target = prototype as Record<string, (...args: unknown[]) => Promise<unknown>>;
        const original = target[method] as (...args: unknown[]) => Promise<unknown>;
        const pass = () => this.#pass();
        vi.spyOn(target, method).mockImplementation(async function (this: unknown, ...args) {
          pass();
          const result = await original.apply(this, args);
          pass();
          return result;
        });
      }
    }
  }

  #pass(): void {
    if (this.#left === 0) this.#isDead = true;
    this.#left -= 1;
    if (this.#isDead) throw new Error("a crash");
  }

  /** Nothing is stored or told any more, from the point of that number on, until `work` has ended. */
  async after(points: number, work: () => Promise<unknown>): Promise<void> {
    this.#left = points;
    try {
      await work().catch(() => {});
    } finally {
      this.#left = Number.POSITIVE_INFINITY;
      this.#isDead = false;
    }
  }
}

type Step =
  | { do: "pull" | "sweep and pull"; repository: number; tag: number }
  | { do: "crashed pull"; repository: number; tag: number; after: number }
  | { do: "move"; repository: number; tag: number; to: number }
  | { do: "sweep" }
  | { do: "crashed sweep"; after: number }
  | { do: "wait"; hours: number };

const IMAGES = 4;
const named = { repository: fc.nat(1), tag: fc.nat(1) };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("pull" as const), ...named }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("sweep and pull" as const), ...named }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("crashed pull" as const),
        ...named,
        after: fc.nat(20),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("move" as const), ...named, to: fc.nat(IMAGES - 1) }),
    },
    { weight: 4, arbitrary: fc.constant({ do: "sweep" as const }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("crashed sweep" as const), after: fc.nat(30) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("wait" as const),
        hours: fc.constantFrom(1, 23, 25, 73, 98),
      }),
    },
  ),
  { minLength: 6, maxLength: 16 },
);

/** What is to be pullable: by that name, and then by the digests that it leads to. */
interface Pulled {
  repository: string;
  digest: string;
  at: number;
}

class World {
  readonly #crash = new Crash();
  readonly #rules = [{ prefix: "p", upstream: fixture.url("open") + apartPath(), tagTtl: "5m" }];
  readonly #variables = { RULES: this.#rules, LIFECYCLE: POLICY };
  readonly #cache = new Cache(this.#variables);
  readonly #repositories = [repository("one"), repository("two")];
  readonly #bytes = new Map<string, Uint8Array>();
  readonly #children = new Map<string, string[]>();
  readonly #blobs = new Map<string, string[]>();
  readonly #pulled = new Map<string, Pulled>();
  #images: string[] = [];

  async begin(): Promise<void> {
    this.#at(0);
    const seed = repository("seed");
    for (const name of this.#repositories) {
      const plain = await fixture.image(name, undefined, { seed, layers: [1000, 2000] });
      const large = await fixture.image(name, undefined, { seed, layers: [1000, SEGMENT + 10] });
      const child = await fixture.image(name, undefined, { seed, layers: [1000, 3000] });
      const index = await fixture.index(name, undefined, [child, plain]);
      for (const image of [plain, large, child]) this.#know(image);
      this.#know(index, [child.digest, plain.digest]);
      this.#images = [plain, large, child, index].map(({ digest }) => digest);
      await Promise.all(
        [0, 1].map((tag) => fixture.tag(name, `v${tag}`, this.#images[tag] as string)),
      );
    }
  }

  #know(manifest: ManifestInfo & Partial<Image>, children: string[] = []): void {
    const { config, layers = [] } = manifest;
    this.#bytes.set(manifest.digest, manifest.bytes);
    this.#children.set(manifest.digest, children);
    this.#blobs.set(
      manifest.digest,
      [...(config ? [config] : []), ...layers].map(({ digest }) => digest),
    );
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case "wait":
        this.#at(step.hours * HOUR);
        await alarms();
        return;
      case "move":
        return fixture.tag(
          this.#repositories[step.repository] as string,
          `v${step.tag}`,
          this.#images[step.to] as string,
        );
      case "pull":
        return this.#pull(step.repository, step.tag);
      case "crashed pull":
        await this.#crash.after(step.after, () => this.#pull(step.repository, step.tag));
        return this.#pull(step.repository, step.tag); // the client tries again
      case "sweep":
        return this.#counted(() => this.#cache.sweep(Date.now()));
      case "crashed sweep":
        await this.#counted(async () => {
          await this.#crash.after(step.after, () => this.#cache.sweep(Date.now()));
          this.#at(HOUR); // the next run holds the broken one to be gone
          await this.#cache.sweep(Date.now());
        });
        return;
      case "sweep and pull": {
        const sweep = this.#cache.sweep(Date.now());
        await this.#pull(step.repository, step.tag);
        await sweep;
      }
    }
  }

  #time = 0;
  #at(time: number): void {
    this.#time += time;
    const time0 = this.#time;
    vi.spyOn(Date, "now").mockImplementation(() => clock() + time0);
  }

  /** As a client pulls: the tag, all that it leads to, and the blobs. */
  async #pull(at: number, number: number): Promise<void> {
    const name = this.#repositories[at] as string;
    const response = await this.#cache.fetch(`p/${name}/manifests/v${number}`);
    const digest = response.headers.get("docker-content-digest") as string;
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(this.#bytes.get(digest));
    await this.#pullRest(this.#cache, name, digest);
    await this.#cache.settled();
    for (const one of [digest, ...(this.#children.get(digest) as string[])])
      this.#pulled.set(`${name} ${one}`, { repository: name, digest: one, at: Date.now() });
  }

  async #pullRest(cache: Cache, name: string, digest: string): Promise<void> {
    for (const child of this.#children.get(digest) as string[]) {
      expect(await cache.bytes(`p/${name}/manifests/${child}`)).toEqual(this.#bytes.get(child));
      await this.#pullRest(cache, name, child);
    }
    for (const blob of this.#blobs.get(digest) as string[])
      await cache.bytes(`p/${name}/blobs/${blob}`);
  }

  /** The bytes that left R2 are those that runs say they have freed. */
  async #counted(work: () => Promise<void>): Promise<void> {
    const before = await this.#stored();
    const ran = (await catalog.runs(1))[0]?.id ?? 0;
    await work();
    const runs = (await catalog.runs(10)).filter(({ id }) => id > ran);
    const freed = runs.reduce((sum, { bytesFreed }) => sum + bytesFreed, 0);
    expect(before - (await this.#stored())).toBe(freed);
  }

  async #stored(): Promise<number> {
    const [blobs, manifests] = await Promise.all([stored("blobs/"), stored("manifests/")]);
    return blobs.bytes + manifests.bytes;
  }

  /** With the upstream cut off, in another city, and untold. */
  async check(): Promise<void> {
    const CATALOG = {
      idFromName: () => "",
      get: () => ({
        report: async () => ({ value: { marks: 0, lost: [], lostBlobs: [] } }),
        linked: async (place: string, digest: Digest) => ({
          value: await catalog.linked(place, digest),
        }),
      }),
    };
    const cache = new Cache({ ...this.#variables, OFFLINE: true, CATALOG });
    // Each request comes to a city of its own: what is copied there is never read.
    const copies = vi.spyOn(Object.getPrototypeOf(await caches.open("entrepot")), "put");
    copies.mockImplementation(async () => {});
    for (const { repository: name, digest, at } of this.#pulled.values()) {
      if (Date.now() > at + KEPT + GRACE) continue;
      await eventually(async () => {
        const response = await cache.ask(
          `https://${crypto.randomUUID()}.example/v2/p/${name}/manifests/${digest}`,
        );
        expect([response.status, digest]).toEqual([200, digest]);
        expect(new Uint8Array(await response.arrayBuffer())).toEqual(this.#bytes.get(digest));
        for (const blob of this.#blobs.get(digest) as string[]) {
          const got = await cache.ask(
            `https://${crypto.randomUUID()}.example/v2/p/${name}/blobs/${blob}`,
          );
          expect([got.status, blob]).toEqual([200, blob]);
          await got.arrayBuffer();
        }
      }, 200);
    }
    await cache.settled();
    copies.mockRestore();
  }

  /** Nothing is left once nobody has pulled for long enough. */
  async end(): Promise<void> {
    this.#at(KEPT + 1);
    await alarms();
    await this.#counted(() => this.#cache.sweep(Date.now()));
    for (let round = 0; round < 3; round++) {
      this.#at(GRACE);
      await this.#counted(() => this.#cache.sweep(Date.now()));
    }
    expect((await stored()).keys).toEqual([]);
    expect(await catalog.summary()).toMatchObject({ images: 0, tags: 0, bytes: 0 });
    expect((await lastRun()).error).toBeUndefined();
  }
}

const clock = Date.now.bind(Date);

beforeEach(clean);
afterEach(() => {
  vi.restoreAllMocks();
});

it("keeps what is pulled, deletes the rest, and counts it right", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      vi.restoreAllMocks();
      await clean();
      const world = new World();
      await world.begin();
      for (const step of sequence) {
        await world.step(step);
        await world.check();
      }
      await world.end();
    }),
    { numRuns: Number(import.meta.env.VITE_RUNS ?? 12), endOnFailure: true },
  );
}, 300_000);
