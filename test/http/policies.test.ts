// Lifecycle policies by the API: told as they are written, put in force everywhere, tried first, and taken back.

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEFAULT_LIFECYCLE, parsePolicies } from "../../src/config/lifecycle.ts";
import { written } from "../../src/config/lifecycle-written.ts";
import { api, brittleAccess, shutCache } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { pullWhole } from "../support/lifecycle.ts";

interface Told {
  owner: string;
  source: string;
  policies: object[];
  problem?: string;
  version?: number;
}

const PATH = "lifecycle/policies";
const upstream = fixture.url("open");
const rule = (selection: object, rulePriority = 1) => ({
  rulePriority,
  selection,
  action: { type: "expire" },
});
const keep = (countNumber: number) =>
  rule({ tagStatus: "any", countType: "imageCountMoreThan", countNumber });
const cache = () => shutCache({ RULES: [{ prefix: "open", upstream }] });

const policiesOf = async (of: Cache): Promise<Told[]> =>
  ((await (await api(of, "GET", PATH)).json()) as { policies: Told[] }).policies;

/** None is left of another test. */
const takeBack = () => api(cache(), "DELETE", PATH);
beforeEach(takeBack);
afterEach(async () => {
  vi.restoreAllMocks();
  await takeBack();
});

it("are written as they are read", () => {
  const tags = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  const status = fc.oneof(
    fc.constant({ tagStatus: "untagged" }),
    fc.record({
      tagStatus: fc.constant("tagged"),
      tagPrefixList: fc.uniqueArray(tags, { minLength: 1 }),
    }),
    fc.record({
      tagStatus: fc.constant("tagged"),
      tagPatternList: fc.uniqueArray(tags, { minLength: 1 }),
    }),
  );
  const count = fc.oneof(
    fc.record({
      countType: fc.constant("imageCountMoreThan"),
      countNumber: fc.integer({ min: 1, max: 99 }),
    }),
    fc.record({
      countType: fc.constantFrom("sinceImagePushed", "sinceImagePulled"),
      countUnit: fc.constant("days"),
      countNumber: fc.integer({ min: 1, max: 99 }),
    }),
    fc.record({
      countType: fc.constant("totalSizeMoreThan"),
      countUnit: fc.constant("gigabytes"),
      countNumber: fc.constantFrom(0.5, 10),
    }),
  );
  const policy = fc.record(
    {
      repositories: fc.array(tags, { minLength: 1 }),
      protect: fc.array(tags, { minLength: 1 }),
      rules: fc
        .tuple(status, count, fc.option(tags, { nil: undefined }))
        .map(([a, b, description]) => [
          { ...rule({ ...a, ...b }), ...(description && { description }) },
        ]),
    },
    { requiredKeys: ["rules"] },
  );
  fc.assert(
    fc.property(policy, (given) => {
      const read = parsePolicies(given, "policy");
      if (!("policies" in read)) throw new Error(read.problems.join());
      expect(read.policies.map(written)).toEqual([given]);
    }),
  );
});

describe("those in force", () => {
  it("are listed with their source", async () => {
    expect(await policiesOf(cache())).toEqual([
      { owner: "LIFECYCLE", source: "default", policies: [written(DEFAULT_LIFECYCLE)] },
    ]);
    const own = { rules: [keep(3)] };
    const configured = shutCache({
      RULES: [{ prefix: "open", upstream, lifecycle: own }],
      LIFECYCLE: { rules: [keep(7)] },
    });
    expect(await policiesOf(configured)).toEqual([
      { owner: "LIFECYCLE", source: "configuration", policies: [{ rules: [keep(7)] }] },
      { owner: "open", source: "configuration", policies: [own] },
    ]);
  });

  it("are put in force here at once and elsewhere within a minute, and taken back", async () => {
    const [here, there] = [cache(), cache()];
    expect((await policiesOf(there))[0]?.source).toBe("default");
    const put = await api(here, "PUT", PATH, { rules: [keep(1)] });
    const { version, ...told } = (await put.json()) as Told;
    expect(told).toMatchObject({ source: "api", policies: [{ rules: [keep(1)] }] });
    expect(put.headers.get("etag")).toBe(`"${version}"`);
    later(60_000);
    expect((await policiesOf(there))[0]).toMatchObject({ source: "api", version });
    const { rules } = (await (await api(here, "GET", "rules")).json()) as {
      rules: { name: string }[];
    };
    expect(rules.map(({ name }) => name)).toEqual(["open"]);
    expect((await api(here, "DELETE", PATH)).status).toBe(200);
    expect((await policiesOf(here))[0]?.source).toBe("default");
    expect((await api(here, "DELETE", PATH)).status).toBe(404);
    const { actions } = (await (await api(here, "GET", "audit?n=2")).json()) as {
      actions: { what: string }[];
    };
    expect(actions.map(({ what }) => what)).toEqual([
      "removed the added lifecycle policies",
      "set the lifecycle policies",
    ]);
  });

  it("are replaced only when If-Match has the current version", async () => {
    const { version } = (await (await api(cache(), "PUT", PATH, { rules: [] })).json()) as Told;
    const over = (version: string) =>
      cache().ask(`https://cache.example/api/${PATH}`, {
        method: "PUT",
        headers: { Authorization: "Bearer an-admin-token-of-the-tests-0123", "If-Match": version },
        body: JSON.stringify([{ rules: [keep(2)] }]),
      });
    expect((await over(`"${Number(version) - 1}"`)).status).toBe(412);
    expect((await over(`"${version}"`)).status).toBe(200);
  });

  it("that are invalid are refused with their fields", async () => {
    const wrong = await api(cache(), "PUT", PATH, { rules: [keep(0)] });
    expect(wrong.status).toBe(400);
    expect(((await wrong.json()) as { detail: string }).detail).toContain(
      "policy.rules[0].selection.countNumber: must be greater than 0",
    );
    expect((await policiesOf(cache()))[0]?.source).toBe("default");
  });
});

describe("what they would expire", () => {
  it("equals the marks of the next scheduled sweep, with rules' own policies and the default", async () => {
    const prefix = `policies-${crypto.randomUUID().slice(0, 6)}`;
    const own = `${prefix}-own`;
    const lifecycle = { rules: [keep(5)] };
    const RULES = [
      { prefix, upstream: upstream + apartPath() },
      { prefix: own, upstream: upstream + apartPath(), lifecycle },
    ];
    const open = new Cache({ RULES });
    const name = repository("policed");
    for (const tag of ["1", "2"]) {
      const image = await fixture.image(name, tag, { layers: [1_000 + Number(tag)] });
      await pullWhole(open, `${prefix}/${name}`, tag, image);
      await pullWhole(open, `${own}/${name}`, tag, image);
    }
    const there = shutCache({ RULES });
    const policy = { rules: [keep(1)] };
    const named = async (query: string) => {
      const response = await api(there, "POST", `lifecycle/preview${query}`, policy);
      const { images, given } = (await response.json()) as {
        given: boolean;
        images: { name: string }[];
      };
      expect(given).toBe(true);
      return images.map((one) => one.name).filter((one) => one.startsWith(prefix));
    };
    expect(await named("?as=common")).toEqual([`${prefix}/${name}`]);
    // As if it were all that there is.
    expect((await named("")).sort()).toEqual([`${own}/${name}`, `${prefix}/${name}`].sort());
    await api(there, "PUT", PATH, policy);
    await there.sweep(Date.now());
    const { images } = (await (await api(there, "GET", "lifecycle/preview")).json()) as {
      images: { name: string; markedAt?: string }[];
    };
    const marked = images.filter((one) => one.name.startsWith(prefix));
    expect(marked.map((one) => one.name)).toEqual([`${prefix}/${name}`]);
    expect(marked[0]?.markedAt).toBeDefined();
  });
});

it("no sweep starts when the policies in force cannot be read", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { binding, breaks } = brittleAccess();
  const partial = shutCache({ RULES: [{ prefix: "open", upstream }], ACCESS: binding });
  breaks();
  const response = await api(partial, "POST", "lifecycle/runs");
  expect(response.status).toBe(503);
  expect(((await response.json()) as { detail: string }).detail).toContain("which policies");
});
