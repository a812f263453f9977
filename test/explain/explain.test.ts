// What is explained of a pull is what comes of it: each outcome of the request path is explained first, and then pulled.

import { afterEach, describe, expect, it, vi } from "vitest";
import { ADMIN, access, basic, bearer, pullToken, shut } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { ask, cacheOf, expectAsTold, explain, HOUR, image } from "./explaining.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a tag", () => {
  it("that was never pulled is fetched; then it is here, and the upstream is not asked", async () => {
    const cache = cacheOf();
    const { name } = await image("told", { layers: [10, 20] });
    const path = `up/${name}/manifests/1`;
    const first = await expectAsTold(
      cache,
      `up/${name}:1`,
      path,
      200,
      /fetched from .*not known here/,
    );
    expect(first.text("rule")).toContain(`the rule "up" maps it to ${name}`);
    expect(first.text("tag")).toContain("never been resolved here");
    const requests = (await fixture.requests({ repository: name })).length;
    const then = await expectAsTold(
      cache,
      `up/${name}:1`,
      path,
      200,
      /from the cache without contacting the upstream/,
    );
    expect(then.text("tag")).toMatch(
      /^the tag "1" points to sha256:[0-9a-f]{12}, checked \d s ago: fresh for another 59 min$/,
    );
    expect(then.text("content")).toContain("is cached, with 0 of 3 blobs");
    expect(then.text("history")).toMatch(/cached \d s ago, last pulled/);
    expect(then.text("history")).toContain("in the last 7 days this repository had");
    expect(await fixture.requests({ repository: name })).toHaveLength(requests);
    expect(then.text("history")).not.toContain("pinned");
    await cache.ask(`https://cache.example/api/images/pin?reference=up/${name}:1`, {
      method: "POST",
      headers: bearer(ADMIN),
    });
    const pinned = await explain(cache, `up/${name}:1`);
    expect(pinned.text("history")).toContain("pinned, so it does not expire");
  });

  it("is latest where none is said, and may have the cache's host in front", async () => {
    const { name } = await image("said");
    const story = await explain(cacheOf(), `cache.example/up/${name}`);
    expect(story.reference).toBe(`up/${name}:latest`);
  });

  it("past its time is checked by HEAD; in passing, behind the answer", async () => {
    const cache = cacheOf({ tagTtl: "1h", staleWhileRevalidate: "1h" });
    const { name } = await image("stale");
    const path = `up/${name}/manifests/1`;
    await cache.bytes(path);
    await cache.settled();
    later(1.5 * HOUR);
    const passing = await explain(cache, `up/${name}:1`);
    expect(passing.text("next")).toMatch(/from the cache and revalidated in the background/);
    later(HOUR);
    await expectAsTold(
      cache,
      `up/${name}:1`,
      path,
      200,
      /checks the tag at .* by HEAD.*the cache$/,
    );
  });

  it("is served stale while the upstream is left alone, and not what is not here", async () => {
    const cache = cacheOf();
    const [known, other] = [await image("known"), await image("unknown")];
    const path = `up/${known.name}/manifests/1`;
    await cache.bytes(path);
    await cache.settled();
    for (const { name } of [known, other])
      await fixture.fault({
        match: { repository: name },
        times: 0,
        do: { status: 429, headers: { "retry-after": "600" } },
      });
    later(2 * HOUR);
    await (await cache.fetch(path)).arrayBuffer(); // the upstream says so
    const stale = await expectAsTold(cache, `up/${known.name}:1`, path, 200, /marked as stale/);
    expect(stale.text("upstream")).toMatch(/are paused for another \d+ (s|min): .* answered 429/);
    await cache.fetch(`up/${other.name}/manifests/1`); // of this one, too
    await expectAsTold(
      cache,
      `up/${other.name}:1`,
      `up/${other.name}/manifests/1`,
      429,
      /returns 429: .*paused/,
    );
  });

  it("that the upstream has no more is known to be gone", async () => {
    const cache = cacheOf();
    const { name } = await image("gone");
    await cache.bytes(`up/${name}/manifests/1`);
    await fixture.remove(name, "1");
    later(2 * HOUR);
    expect((await cache.fetch(`up/${name}/manifests/1`)).status).toBe(404);
    await cache.settled();
    const story = await explain(cache, `up/${name}:1`);
    expect(story.text("tag")).toMatch(/no longer|never been resolved here/);
  });

  it("that moved says what it meant before", async () => {
    const cache = cacheOf();
    const { name, image: first } = await image("moved");
    await cache.bytes(`up/${name}/manifests/1`);
    await cache.settled();
    await fixture.image(name, "1", { seed: repository("other") });
    later(2 * HOUR);
    await cache.bytes(`up/${name}/manifests/1`);
    await cache.settled();
    const story = await explain(cache, `up/${name}:1`);
    expect(story.text("tag")).toContain(`previously ${first.digest.slice(0, 19)}`);
  });
});

describe("an index", () => {
  it("tells which platforms are here, and how much of each", async () => {
    const cache = cacheOf();
    const name = repository("index");
    const amd = await fixture.image(name, undefined, { layers: [10] });
    const platform = { os: "linux", architecture: "arm64" };
    const arm = await fixture.image(name, undefined, { layers: [20], platform });
    await fixture.index(name, "1", [amd, arm]);
    for (const path of ["manifests/1", `manifests/${amd.digest}`, `blobs/${amd.config.digest}`])
      await cache.bytes(`up/${name}/${path}`);
    await cache.settled();
    const story = await explain(cache, `up/${name}:1`);
    expect(story.text("content")).toContain("linux/amd64: 1 of 2 blobs; linux/arm64: not cached");
  });
});

describe("a digest", () => {
  it("is answered from the cache where the repository has it, and asked for under another name", async () => {
    const cache = cacheOf();
    const { name, image: one } = await image("digest");
    await cache.bytes(`up/${name}/manifests/1`);
    await cache.settled();
    const path = `up/${name}/manifests/${one.digest}`;
    await expectAsTold(
      cache,
      `up/${name}@${one.digest}`,
      path,
      200,
      /from the cache without contacting the upstream/,
    );
    const other = await explain(cache, `up/other@${one.digest}`);
    expect(other.text("content")).toContain(
      "the upstream must first confirm that this repository has it",
    );
    expect(other.text("next")).toMatch(/is fetched from/);
  });
});

describe("what is refused", () => {
  it("has no rule", async () => {
    const cache = cacheOf();
    const story = await expectAsTold(
      cache,
      "nothing/app:1",
      "nothing/app/manifests/1",
      404,
      /404 NAME_UNKNOWN/,
    );
    expect(story.steps[0]).toMatchObject({ about: "rule", mark: "bad" });
  });

  it("has a rule whose secret is missing", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const cache = cacheOf({ credentials: "MISSING_SECRET" });
    await expectAsTold(
      cache,
      "up/app:1",
      "up/app/manifests/1",
      500,
      /the secret MISSING_SECRET is not set/,
    );
  });

  it.each([
    { fields: { deny: ["secret/**"] }, name: "secret/app", reference: "1", why: "exclude the tag" },
    {
      fields: { allow: ["team/*:v*"] },
      name: "team/app",
      reference: "1",
      why: 'exclude the tag "1"',
    },
    {
      fields: { denyDigests: [`sha256:${"a".repeat(64)}`] },
      name: "team/app",
      reference: `sha256:${"a".repeat(64)}`,
      why: "denyDigests lists",
    },
  ])("by the lists: $fields", async ({ fields, name, reference, why }) => {
    const cache = cacheOf({ ...fields, denyReason: "Ask in #platform." });
    const written = reference.includes(":") ? `up/${name}@${reference}` : `up/${name}:${reference}`;
    const story = await expectAsTold(
      cache,
      written,
      `up/${name}/manifests/${reference}`,
      403,
      /403 DENIED/,
    );
    expect(story.text("lists")).toContain(why);
    expect(story.text("lists")).toContain("Ask in #platform.");
  });

  it("is in quarantine", async () => {
    const cache = cacheOf();
    const { name, image: one } = await image("held");
    await cache.bytes(`up/${name}/manifests/1`);
    await cache.settled();
    await access.quarantine(one.digest, "a miner", "a test", Date.now());
    const other = cacheOf();
    const story = await explain(other, `up/${name}@${one.digest}`);
    expect([story.status, story.text("lists")]).toEqual([
      403,
      expect.stringContaining("is in quarantine: a miner"),
    ]);
    expect((await other.fetch(`up/${name}/manifests/${one.digest}`)).status).toBe(403);
  });

  it("is allowed until a time, by one person or by two", async () => {
    const { name, image: one } = await image("allowed");
    const reference = `up/${name}:1`;
    const until = Date.now() + 60_000;
    const added = { digest: one.digest, until, reason: "INC-1", who: "ann", at: Date.now() };
    const told = async (allowancePeople: number) => {
      const cache = cacheOf({ allowancePeople });
      await cache.bytes(`up/${name}/manifests/1`);
      await cache.settled();
      return (await explain(cache, reference)).text("trust");
    };
    expect(await told(1)).toBe("");
    await access.allow(added);
    const words = `is allowed until ${new Date(until).toISOString()} by ann`;
    expect(await told(1)).toContain(`${words}: INC-1; it passes the checks`);
    expect(await told(2)).toContain(`${words}: INC-1; without effect until a second person`);
    await access.confirmAllowance(one.digest, "bob", Date.now());
    expect(await told(2)).toContain(`${words}, confirmed by bob: INC-1; it passes the checks`);
    await access.allow({ ...added, at: until, until: until - 1 });
    later(61_000);
    expect(await told(1)).toBe("");
  });

  it.each(["UPPER/x", "a b", "x:", "x@sha256:1", "", "x:y:z/", `x@${"a".repeat(990)}`])(
    "is no image: %j",
    async (reference) => {
      const response = await ask(cacheOf(), reference);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("reference: ");
    },
  );
});

describe("offline", () => {
  it("what is here is served, and the rest is 404", async () => {
    const cache = cacheOf();
    const { name } = await image("offline");
    const upstream = fixture.url("open") + apartPath();
    const RULES = [{ prefix: "up", upstream }];
    const online = new Cache({ RULES, ADMIN_TOKEN: ADMIN });
    await online.bytes(`up/${name}/manifests/1`);
    await online.settled();
    const offline = new Cache({ RULES: [{ ...RULES[0], offline: true }], ADMIN_TOKEN: ADMIN });
    later(2 * HOUR);
    const story = await expectAsTold(
      offline,
      `up/${name}:1`,
      `up/${name}/manifests/1`,
      200,
      /marked as stale/,
    );
    expect(story.text("upstream")).toContain("is never contacted: the rule is offline");
    await expectAsTold(
      offline,
      `up/${name}:2`,
      `up/${name}/manifests/2`,
      404,
      /404: .*the rule is offline/,
    );
    void cache;
  });
});

describe("who may pull it", () => {
  const rules = (upstream: string) => [
    { prefix: "up", upstream, networks: ["10.0.0.0/8"] },
    { prefix: "pub-images", upstream, anonymous: true },
    { host: "up.mirror.example", ns: "up.registry.example", upstream },
  ];

  it("is told by token, by issuer and by network, and what the tokens may not", async () => {
    const issuers = [
      {
        issuer: "https://issuer.example",
        audience: "x",
        claims: { sub: "a" },
        repositories: ["up/**"],
      },
    ];
    const cache = new Cache({
      RULES: rules(fixture.url("open") + apartPath()),
      ...shut({ issuers }),
    });
    const title = repository("explained");
    await pullToken(cache, ["up/team/*"], { name: title });
    const { token } = await pullToken(cache, ["up.registry.example/**"], { name: `${title}-ns` });
    const may = await explain(cache, "up/team/app:1");
    expect(may.text("access")).toContain(`"${title}" (`);
    expect(may.text("access")).toContain(
      "tokens issued by https://issuer.example that meet the conditions; clients from 10.0.0.0/8",
    );
    expect((await explain(cache, "pub-images/x:1")).text("access")).toBe(
      "anyone may pull it, without a token",
    );
    for (const [reference, more] of [
      ["team/app:1", { ns: "up.registry.example" }],
      ["team/app:1", { host: "up.mirror.example" }],
      ["up.registry.example/team/app:1", {}],
    ] as const) {
      const story = await explain(cache, reference, more);
      expect(story.text("rule")).toContain('the rule "up.mirror.example" maps it to team/app');
      expect(story.text("access")).toContain(`"${title}-ns" (`);
    }
    expect((await explain(cache, "nothing/app:1")).text("access")).not.toContain(title);
    const pulled = await cache.ask("https://up.mirror.example/v2/team/app/tags/list", {
      headers: basic(token),
    });
    expect(pulled.status).not.toBe(403);
  });

  it("is every client of an open cache", async () => {
    expect((await explain(cacheOf(), "up/x:1")).text("access")).toBe(
      "anyone may pull: AUTH is open",
    );
  });
});

it("nothing is asked of the registry, and nothing is changed", async () => {
  const cache = cacheOf();
  const { name } = await image("untouched");
  await explain(cache, `up/${name}:1`);
  expect(await fixture.requests({ repository: name })).toEqual([]);
});
