// The sweep through the cron's door: what was pulled, marked and taken, with the stores, the objects and the catalog as they are.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { apartPath, Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { SEGMENT } from "../support/edge.ts";
import {
  areStored,
  clean,
  DAY,
  HOUR,
  isStored,
  lastRun,
  pullChild,
  pullWhole,
  stored,
} from "../support/lifecycle.ts";
import { eventually } from "../support/waiting.ts";

beforeEach(clean);
afterEach(() => {
  vi.restoreAllMocks();
});

/** Far beyond the shipped default, under which nothing of the other tests of this file is left. */
const T0 = Date.now() + 100 * DAY;

describe("an image that is not pulled", () => {
  it("is marked, and deleted after the grace period with its own contents", async () => {
    const cache = cacheApart();
    const name = repository("gone");
    const image = await fixture.image(name, "v1", { layers: [1000, SEGMENT + 5] });
    await pullWhole(cache, `open/${name}`, "v1", image);
    const before = await stored();
    await cache.sweep(T0);
    expect(await lastRun()).toMatchObject({
      expired: [{ policy: "default", priority: 1, images: 1 }],
      deleted: { images: 0 },
      bytesFreed: 0,
      unfinished: false,
    });
    expect(await areStored(image)).toEqual([true, true, true, true]);
    await cache.sweep(T0 + DAY - 1);
    expect(await areStored(image)).toEqual([true, true, true, true]);
    await cache.sweep(T0 + DAY);
    const run = await lastRun();
    expect(run.deleted).toEqual({ images: 1, tags: 1, manifests: 1, blobs: 3, leftovers: 0 });
    expect(await areStored(image)).toEqual([false, false, false, false]);
    // The segments behind a head go a grace later still: a stream may be reading them.
    const between = await stored();
    expect(before.bytes - between.bytes).toBe(run.bytesFreed);
    await cache.sweep(T0 + 2 * DAY);
    const last = await lastRun();
    expect(last.deleted).toMatchObject({ images: 0, leftovers: 1 });
    expect(last.bytesFreed).toBe(5);
    const after = await stored();
    expect(between.bytes - after.bytes).toBe(5);
    expect(after.keys.filter((key) => key.includes(image.digest.slice(7)))).toEqual([]);
    // And it can be pulled again.
    await pullWhole(cache, `open/${name}`, "v1", image);
    // Also what was served from a copy nearby.
    await eventually(
      async () => expect(await areStored(image)).toEqual([true, true, true, true]),
      10_000,
    );
  });

  it("loses its mark when it is pulled in the grace period", async () => {
    const cache = cacheApart();
    const name = repository("revived");
    const image = await fixture.image(name, "v1");
    await pullWhole(cache, `open/${name}`, "v1", image);
    await cache.sweep(T0);
    expect((await lastRun()).expired).toHaveLength(1);
    // Within the hour of the first pull, and told all the same.
    await cache.bytes(`open/${name}/manifests/v1`);
    await cache.settled();
    await cache.sweep(T0 + DAY);
    expect(await lastRun()).toMatchObject({ revived: 1, deleted: { images: 0 } });
    expect(await areStored(image)).toEqual([true, true, true]);
  });
});

describe("contents of several images", () => {
  it("stay when shared: layers, and children of an index", async () => {
    const cache = cacheApart({}, { LIFECYCLE: keeping("kept*") });
    const [one, two] = [repository("one"), repository("two")];
    const seed = repository("seed");
    const gone = await fixture.image(one, "v1", { seed, layers: [1000, 2000] });
    const kept = await fixture.image(two, "kept-1", { seed, layers: [1000, 3000] });
    const child = await fixture.image(two, undefined, { layers: [500] });
    const index = await fixture.index(two, "kept-2", [child]);
    await pullWhole(cache, `open/${one}`, "v1", gone);
    await pullWhole(cache, `open/${two}`, "kept-1", kept);
    await cache.bytes(`open/${two}/manifests/kept-2`);
    await pullChild(cache, `open/${two}`, child);
    await cache.sweep(T0);
    await cache.sweep(T0 + DAY);
    expect((await lastRun()).deleted.images).toBe(1);
    // Of the one that is gone, the first layer is the other's too.
    expect(await areStored(gone)).toEqual([false, false, true, false]);
    expect(await areStored(kept)).toEqual([true, true, true, true]);
    expect(await isStored(index)).toBe(true);
    expect(await areStored(child)).toEqual([true, true, true]);
  });

  it("are deleted together: referrers with their subject, children with their index", async () => {
    const cache = cacheApart();
    const name = repository("family");
    const child = await fixture.image(name, undefined, { layers: [700] });
    const index = await fixture.index(name, "v1", [child]);
    const signature = await fixture.referrer(name, index, "application/vnd.example.signature");
    await cache.bytes(`open/${name}/manifests/v1`);
    await pullChild(cache, `open/${name}`, child);
    await cache.bytes(`open/${name}/manifests/${signature.digest}`);
    await cache.settled();
    await cache.sweep(T0);
    expect((await lastRun()).expired).toEqual([{ policy: "default", priority: 1, images: 1 }]);
    await cache.sweep(T0 + DAY);
    expect(await isStored(index)).toBe(false);
    expect(await isStored(signature)).toBe(false);
    expect(await areStored(child)).toEqual([false, false, false]);
  });
});

describe("nothing expires while its upstream could not give it again", () => {
  const fault = async (name: string, status: number) => {
    await fixture.fault({ match: { repository: name }, times: 0, do: { status } });
  };
  it.each<{
    title: string;
    variables: object;
    breakIt: (name: string) => Promise<void>;
    waiting: RegExp;
  }>([
    {
      title: "offline",
      variables: { OFFLINE: true },
      breakIt: async () => {},
      waiting: /is offline$/,
    },
    {
      title: "out of order",
      variables: {},
      breakIt: (name) => fault(name, 503),
      waiting: /answered 503$/,
    },
    {
      title: "refusing",
      variables: {},
      breakIt: (name) => fault(name, 403),
      waiting: /answered 403$/,
    },
    {
      title: "silent",
      variables: {},
      breakIt: async (name) => {
        await fixture.fault({
          match: { repository: name },
          times: 0,
          do: { reset: true },
        });
      },
      waiting: /cannot be reached$/,
    },
  ])("$title", async ({ variables, breakIt, waiting }) => {
    const rules = [{ prefix: "open", upstream: fixture.url("open") + apartPath() }];
    const cache = new Cache({ RULES: rules });
    const broken = new Cache({ RULES: rules, ...variables });
    const name = repository("waiting");
    const image = await fixture.image(name, "v1");
    await pullWhole(cache, `open/${name}`, "v1", image);
    await breakIt(name);
    await broken.sweep(T0);
    const run = await lastRun();
    expect(run.expired).toEqual([]);
    expect(Object.entries(run.waiting)).toEqual([[expect.stringMatching(waiting), 1]]);
    await fixture.heal({ repository: name });
    later(HOUR); // whatever cooldown there was is over
    await cache.sweep(T0);
    expect((await lastRun()).expired).toHaveLength(1);
    // Marked, but away again when its time has come.
    await breakIt(name);
    await broken.sweep(T0 + DAY);
    expect(await lastRun()).toMatchObject({ revived: 0, deleted: { images: 0 } });
    expect(await areStored(image)).toEqual([true, true, true]);
    await fixture.heal({ repository: name });
    later(HOUR);
    await cache.sweep(T0 + DAY);
    expect((await lastRun()).deleted.images).toBe(1);
  });

  it("an image that the upstream does not have any more expires", async () => {
    const cache = cacheApart();
    const name = repository("removed");
    const image = await fixture.image(name, "v1");
    await pullWhole(cache, `open/${name}`, "v1", image);
    await fixture.clear(name);
    await cache.sweep(T0);
    expect((await lastRun()).expired).toHaveLength(1);
  });

  it("an image without a rule expires by the general policy", async () => {
    const cache = cacheApart();
    const name = repository("ruleless");
    const image = await fixture.image(name, "v1");
    await pullWhole(cache, `open/${name}`, "v1", image);
    const other = cacheApart({}, { OFFLINE: true });
    await other.sweep(T0);
    await other.sweep(T0 + DAY);
    expect(await areStored(image)).toEqual([false, false, false]);
  });
});

/** Expires by the last pull all but what is protected by tag. */
function keeping(tag: string) {
  const selection = {
    tagStatus: "any",
    countType: "sinceImagePulled",
    countUnit: "days",
    countNumber: 9,
  };
  const rules = [{ rulePriority: 1, selection, action: { type: "expire" } }];
  return { rules, protect: [`**:${tag}`] };
}
