// Ageing by the cron: tags grow older without pulls, holds end without pulls, and what is served while a tag is held survives sweeps.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CatalogObject } from "../../src/catalog/object.ts";
import type { Env } from "../../src/env.ts";
import { openFills } from "../../src/fill/open.ts";
import { type AgeingContext, checkAges } from "../../src/lifecycle/ageing.ts";
import { ruleOf } from "../config/rules.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { areStored, catalog, clean, DAY, HOUR, lastRun, pullWhole } from "../support/lifecycle.ts";
import { eventually } from "../support/waiting.ts";

const fills = openFills(env as unknown as Env);

beforeEach(clean);
afterEach(() => void vi.restoreAllMocks());

const AGE = { minimumAge: "30h", minimumAgeFirst: "serve", tagTtl: "30m" };

function setUp(hint: string, fields: object = {}, overrides: object = {}) {
  const name = repository(hint);
  const upstream = fixture.url("open") + apartPath();
  const given = { prefix: "open", upstream, ...AGE, ...fields };
  const cache = new Cache({ RULES: [given], ...overrides });
  const rule = ruleOf(given);
  const context: AgeingContext = {
    catalog,
    fills,
    config: { rules: [{ rule }], lifecycle: [] } as unknown as AgeingContext["config"],
  };
  const digest = async () => {
    const response = await cache.fetch(`open/${name}/manifests/1`);
    await response.arrayBuffer();
    return response.headers.get("docker-content-digest");
  };
  const heads = async () =>
    (await fixture.requests({ repository: name })).filter(({ method }) => method === "HEAD").length;
  return { name, cache, context, digest, heads, rule };
}

/** Pulled whole, as its first digest; then moved. */
async function held(hint: string, fields: object = {}, overrides: object = {}) {
  const parts = setUp(hint, fields, overrides);
  const { name, cache, digest } = parts;
  const old = await fixture.image(name, "1");
  await pullWhole(cache, `open/${name}`, "1", old);
  await cache.settled();
  const young = await fixture.image(name, "1", { seed: `${name}-2`, layers: [3000] });
  later(HOUR);
  expect(await digest()).toBe(old.digest);
  await cache.settled();
  return { ...parts, old, young };
}

describe("the cron", () => {
  it("checks a tag that was pulled lately, so that its clock runs; once in its interval", async () => {
    const { name, cache, context, digest, heads } = setUp("lately");
    const old = await fixture.image(name, "1");
    await pullWhole(cache, `open/${name}`, "1", old);
    await cache.settled();
    await eventually(async () => {
      later(HOUR);
      expect(await checkAges(context, Date.now())).toEqual({ checked: 1, failed: 0 });
    });
    const before = await heads();
    expect(await checkAges(context, Date.now())).toEqual({ checked: 0, failed: 0 });
    expect(await heads()).toBe(before);
    // The move is seen by the cron, and no client pulls until the new digest is old enough.
    const young = await fixture.image(name, "1", { seed: `${name}-2` });
    for (let at = 0; at < 3; at++) {
      later(15.5 * HOUR);
      await checkAges(context, Date.now());
    }
    expect(await catalog.heldTags(undefined, 10)).toEqual([]);
    const requests = await heads();
    expect(await digest()).toBe(young.digest);
    expect(await heads()).toBe(requests);
  });

  it("ends a hold without a pull", async () => {
    const { context, name } = await held("ends");
    expect(await catalog.heldTags(undefined, 10)).toHaveLength(1);
    later(31 * HOUR);
    await checkAges(context, Date.now());
    expect(await catalog.heldTags(undefined, 10)).toEqual([]);
    const events = (await catalog.happened(undefined, 50)).filter((one) =>
      one.place?.endsWith(name),
    );
    expect(events.filter(({ what }) => what === "tag.released")).toMatchObject([
      { detail: "open: aged" },
    ]);
  });

  it.each<{ title: string; fields: object }>([
    { title: "has no minimum age any more", fields: { minimumAge: undefined } },
    { title: "only reports", fields: { minimumAgeMode: "report" } },
    { title: "excepts the tag", fields: { minimumAgeExcept: ["**"] } },
  ])("ends a hold whose rule $title", async ({ fields }) => {
    const { context, rule } = await held("orphaned");
    const { minimumAge: _, ...plain } = rule;
    const given = { ...AGE, ...fields };
    const age = given.minimumAge === undefined ? undefined : ruleOf(given).minimumAge;
    const changed = { ...plain, ...(age && { minimumAge: age }) };
    const config = { rules: [{ rule: changed }], lifecycle: [] };
    await checkAges({ ...context, config: config as never }, Date.now());
    expect(await catalog.heldTags(undefined, 10)).toEqual([]);
  });

  it("counts a tag that it could not check, and goes on", async () => {
    const { name, cache, context } = setUp("failing");
    const images = await Promise.all(["1", "2"].map((tag) => fixture.image(name, tag)));
    for (const [at, image] of images.entries())
      await pullWhole(cache, `open/${name}`, String(at + 1), image);
    await cache.settled();
    await fixture.fault({ match: { repository: name, method: "HEAD" }, do: { status: 500 } });
    await eventually(async () => {
      later(HOUR);
      const { checked } = await checkAges(context, Date.now());
      expect(checked).toBe(2);
    });
  });

  it("asks nothing without a rule that has a minimum age", async () => {
    const { context } = setUp("none");
    const told = vi.fn();
    const spied = { ...catalog, heldTags: async () => [], tagsToCheck: told };
    const config = { rules: [{ rule: ruleOf({}) }], lifecycle: [] } as never;
    await checkAges({ ...context, catalog: spied as never, config }, Date.now());
    expect(told).not.toHaveBeenCalled();
  });

  it("is where that runs; a failure is the run's, and keeps no sweep from being run", async () => {
    const { cache } = await held("scheduled");
    later(31 * HOUR);
    await cache.sweep(Date.now());
    expect(await catalog.heldTags(undefined, 10)).toEqual([]);
    const { id } = await lastRun();
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(CatalogObject.prototype, "heldTags").mockResolvedValue({
      error: { code: "UNKNOWN", message: "out of order", status: 500 },
    });
    await expect(cache.sweep(Date.now())).rejects.toThrow("out of order");
    expect((await lastRun()).id).toBe(id + 1);
  });
});

describe("while a tag is held", () => {
  const UNTAGGED = JSON.stringify({
    rules: [
      {
        rulePriority: 1,
        selection: {
          tagStatus: "untagged",
          countType: "sinceImagePushed",
          countUnit: "days",
          countNumber: 1,
        },
        action: { type: "expire" },
      },
    ],
  });

  it("the digest that it serves survives sweeps with all that is its own; then the policy decides", async () => {
    const { cache, old, young, digest } = await held("swept", {}, { LIFECYCLE: UNTAGGED });
    const start = Date.now();
    for (let days = 2; days < 6; days++) await cache.sweep(start + days * DAY);
    expect(await areStored(old)).toEqual([true, true, true]);
    expect(await digest()).toBe(old.digest);
    later(31 * HOUR);
    expect(await digest()).toBe(young.digest);
    await cache.settled();
    const then = Date.now() + 10 * DAY;
    for (let days = 0; days < 4; days++) await cache.sweep(then + days * DAY);
    expect(await areStored(old)).toEqual([false, false, false]);
  });

  it("a rebuild of the catalog keeps it", async () => {
    const { cache, old, digest } = await held("rebuilt", {}, { LIFECYCLE: UNTAGGED });
    await catalog.reset();
    const start = Date.now();
    for (let days = 0; days < 6; days++) await cache.sweep(start + days * DAY);
    expect(await areStored(old)).toEqual([true, true, true]);
    expect(await digest()).toBe(old.digest);
  });
});
