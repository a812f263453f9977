// The attack: a pattern that a matcher tries in exponentially many ways, wherever another user may write one. On a backtracking matcher
// each of these requests keeps the isolate busy for longer than any test runs.

import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parsePolicies } from "../../src/config/lifecycle.ts";
import type { SweepContext } from "../../src/lifecycle/context.ts";
import { openLifecycle } from "../../src/lifecycle/open.ts";
import { api, basic, pullToken, shut } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { digestFor } from "../support/catalog.ts";
import { clean } from "../support/lifecycle.ts";

/** As long as a name may be, behind a rule's prefix: what fails to match at its very end. */
const LONG = `a/${"a".repeat(250)}`;
const TAG = "a".repeat(128);
const EVIL = `**/${"*a".repeat(20)}b`;
const EVIL_TAG = `${"*a".repeat(20)}b`;
const LONGEST = 1_024;
/** As long as it is taken. */
const EVIL_AT_MOST = `**/${"*a".repeat(500)}b`;

const upstream = fixture.url("open") + apartPath();
const rule = (fields: object = {}) => ({ prefix: "a", upstream, ...fields });
const cacheOf = (fields: object = {}, more: object = {}) =>
  new Cache({ RULES: [rule(fields)], ...shut(), ...more });

const OWN = LONG.slice("a/".length);
beforeAll(async () => {
  for (const tag of [TAG, "1"]) await fixture.image(OWN, tag, { seed: `${OWN} ${tag}` });
});

const pull = (cache: Cache, headers = {}) => cache.fetch(`${LONG}/manifests/${TAG}`, { headers });

describe("a pull is answered, and by the meaning of the pattern,", () => {
  it.each([
    {
      title: "an allow list",
      fields: { anonymous: true, allow: [EVIL, EVIL_AT_MOST] },
      status: 403,
    },
    {
      title: "an allow list over tags",
      fields: { anonymous: true, allow: [`**:${EVIL_TAG}`] },
      status: 403,
    },
    {
      title: "a deny list",
      fields: { anonymous: true, deny: [EVIL, EVIL_AT_MOST, `**:${EVIL_TAG}`] },
      status: 200,
    },
    {
      title: "immutable tags",
      fields: { anonymous: true, immutableTags: [EVIL_TAG, `**:${EVIL_TAG}`] },
      status: 200,
    },
  ])("under $title", async ({ fields, status }) => {
    expect((await pull(cacheOf(fields))).status).toBe(status);
  });

  it("with a pull token, by itself and in the tokens that are made of it", async () => {
    const cache = cacheOf();
    const { token } = await pullToken(
      cache,
      Array.from({ length: 50 }, (_, at) => `${EVIL}${at}`),
    );
    expect((await pull(cache, basic(token))).status).toBe(403);
    const scope = encodeURIComponent(`repository:${LONG}:pull`);
    const url = `https://cache.example/token?service=entrepot&scope=${scope}`;
    expect((await cache.ask(url, { headers: basic(token) })).status).toBe(200);
  });
});

describe("a viewer's preview is answered", () => {
  beforeEach(clean);

  const preview = (cache: Cache, policy: unknown) =>
    api(cache, "POST", "lifecycle/preview", policy);
  const rules = [
    {
      rulePriority: 1,
      selection: { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 },
      action: { type: "expire" },
    },
  ];

  const tagged = (at: number) => {
    const tagPatternList = [`*a*a*a*${at}b`];
    const selection = { ...rules[0]?.selection, tagStatus: "tagged", tagPatternList };
    return { ...rules[0], rulePriority: at + 1, selection };
  };

  async function cached(): Promise<Cache> {
    const cache = cacheOf({ anonymous: true });
    for (const tag of [TAG, "1"])
      expect((await cache.fetch(`${LONG}/manifests/${tag}`)).status).toBe(200);
    await cache.settled();
    return cache;
  }

  it.each([
    ["one that protects names", { protect: [EVIL, EVIL_AT_MOST] }],
    ["one that protects tags", { protect: [`**:${EVIL_TAG}`] }],
    ["one of some repositories", { repositories: [EVIL] }],
  ])("for %s", async (_, fields) => {
    const response = await preview(await cached(), { rules, ...fields });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ given: true });
  });

  it("with patterns over tags as long as ECR has them", async () => {
    const response = await preview(await cached(), { rules: [tagged(0)] });
    expect(await response.json()).toMatchObject({ examined: 2, expired: [] });
  });

  it.each([
    [
      "that protect",
      { protect: Array.from({ length: 20 }, (_, at) => `**:${"*a".repeat(500)}${at}`) },
    ],
    ["over tags", { rules: Array.from({ length: 900 }, (_, at) => tagged(at)) }],
  ])(
    "with a refusal, where patterns are so many that they cost too much all the same: %s",
    async (_, fields) => {
      const images = Array.from({ length: 2_000 }, (_, at) => ({
        place: "registry.example//team/app",
        digest: digestFor(`patterns ${at}`),
        tags: Array.from({ length: 10 }, (_, tag) => `${"a".repeat(120)}${at}-${tag}`),
        pushedAt: 0,
        size: 0,
      }));
      const parsed = parsePolicies({ rules, ...fields }, "policy");
      if ("problems" in parsed) throw new Error(parsed.problems.join());
      const catalog = {
        places: async (after: string) => (after === "" ? ["registry.example//team/app"] : []),
        images: async (_: string, __: boolean, after: string) => (after === "" ? images : []),
      };
      const config = { rules: [], lifecycle: [], lifecycleGrace: 0 };
      const context = { catalog, config } as unknown as SweepContext;
      const options = { policies: parsed.policies, force: true };
      await expect(openLifecycle(context).preview(options, Date.now())).rejects.toMatchObject({
        code: "UNSUPPORTED",
        status: 400,
        message: expect.stringContaining("take too long"),
      });
    },
  );
});

describe("patterns are bounded where they come in:", () => {
  const long = "a".repeat(LONGEST + 1);
  const words = "at most 1024 characters";

  it("in the API's tokens, rules and policies", async () => {
    const cache = cacheOf();
    for (const { method, path, body } of [
      { method: "POST", path: "tokens", body: { name: "x", repositories: [long] } },
      {
        method: "POST",
        path: "rules",
        body: { prefix: "x", upstream: "https://registry.example", allow: [long] },
      },
      {
        method: "POST",
        path: "rules",
        body: { prefix: "x", upstream: "https://registry.example", immutableTags: [long] },
      },
      { method: "POST", path: "lifecycle/preview", body: { rules: [], protect: [long] } },
      { method: "POST", path: "lifecycle/preview", body: { rules: [], repositories: [long] } },
    ] as const) {
      const response = await api(cache, method, path, body);
      expect([path, response.status]).toEqual([path, 400]);
      expect(await response.text()).toContain(words);
    }
  });

  it("in the configuration, by their path", async () => {
    const response = await pull(cacheOf({ deny: ["b", long] }));
    expect(response.status).toBe(500);
  });

  it("as long as they may be they are taken", async () => {
    const { token } = await pullToken(cacheOf(), ["a".repeat(LONGEST)]);
    expect(token).toBeTypeOf("string");
  });
});

it("a repository name that is crafted for a pattern costs no more steps", async () => {
  const cache = cacheOf({ allow: [EVIL], anonymous: true });
  for (let at = 0; at < 20; at++) {
    const name = `${"a".repeat(200 + at)}`;
    expect((await cache.fetch(`a/${name}/tags/list`)).status).toBe(403);
  }
  expect(await fixture.requests({ repository: repository("none") })).toEqual([]);
});
