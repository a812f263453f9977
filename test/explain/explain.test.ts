// What is explained of a pull is what comes of it: each outcome of the request path is explained first, and then pulled.

import { afterEach, describe, expect, it, vi } from "vitest";
import { ADMIN, access, basic, bearer, pullToken, shut } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { trivyReport } from "../support/reports.ts";
import { keyPair, signByTag } from "../support/signing.ts";
import { eventually } from "../support/waiting.ts";

const HOUR = 60 * 60_000;

afterEach(() => {
  vi.restoreAllMocks();
});

interface Story {
  reference: string;
  status: number;
  steps: { about: string; mark: string; text: string }[];
}

async function ask(cache: Cache, reference: string, more: Record<string, string> = {}) {
  const query = new URLSearchParams({ reference, ...more });
  return cache.ask(`https://cache.example/api/explain?${query}`, { headers: bearer(ADMIN) });
}

async function explain(cache: Cache, reference: string, more: Record<string, string> = {}) {
  const response = await ask(cache, reference, more);
  expect(response.status).toBe(200);
  const story = (await response.json()) as Story;
  const text = (about: string) =>
    story.steps
      .filter((step) => step.about === about)
      .map((step) => step.text)
      .join("; ");
  return { ...story, text };
}

/** A cache in front of an upstream of its own. */
function cacheOf(fields: object = {}, overrides: Record<string, unknown> = {}): Cache {
  const upstream = fixture.url("open") + apartPath();
  const RULES = [{ prefix: "up", upstream, ...fields }];
  return new Cache({ RULES, ADMIN_TOKEN: ADMIN, ...overrides });
}

async function image(hint: string, options = {}) {
  const name = repository(hint);
  return { name, image: await fixture.image(name, "1", options) };
}

/** What is explained, and then what comes of it. */
async function expectAsTold(
  cache: Cache,
  reference: string,
  path: string,
  status: number,
  next: RegExp,
) {
  const story = await explain(cache, reference);
  expect([story.text("next"), story.status]).toEqual([expect.stringMatching(next), status]);
  const response = await cache.fetch(path);
  expect([path, response.status]).toEqual([path, status]);
  await response.arrayBuffer();
  await cache.settled();
  return story;
}

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

describe("signatures", () => {
  const keys = keyPair();
  const fields = { verify: [{ images: ["**"], key: "SIGNER" }], verifyMode: "enforce" };

  it("are looked for at the next pull, and then known", async () => {
    const cache = cacheOf(fields, { SIGNER: keys.pem });
    const { name, image: made } = await image("signed");
    await signByTag(name, made, keys);
    const before = await explain(cache, `up/${name}:1`);
    expect(before.text("signature")).toBe(
      "verify asks for a signature by the key SIGNER: the next pull looks for one; an image without it is refused, unless it is a signature, attestation or SBOM",
    );
    const condition = /, if its signature is found: otherwise it returns 403 DENIED$/;
    expect(before.text("next")).toMatch(condition);
    await cache.bytes(`up/${name}/manifests/1`);
    await cache.settled();
    const then = await explain(cache, `up/${name}:1`);
    expect(then.text("signature")).toMatch(
      /^sha256:\w{12} passes verify \(signed by the key SIGNER\), as decided or renewed \d s ago$/,
    );
    expect(then.text("next")).not.toMatch(condition);
  });

  it("are of no use where no entry matches, and nothing is said without verify", async () => {
    const { name } = await image("unmatched");
    const verify = [{ images: ["acme/**"], key: "SIGNER" }];
    const cache = cacheOf({ ...fields, verify, verifyUnmatched: "refuse" }, { SIGNER: keys.pem });
    const path = `up/${name}/manifests/1`;
    const story = await expectAsTold(cache, `up/${name}:1`, path, 403, /returns 403 DENIED/);
    expect(story.text("signature")).toContain("no entry of verify matches the repository");
    expect((await explain(cacheOf(), `up/${name}:1`)).text("signature")).toBe("");
  });
});

describe("vulnerabilities", () => {
  const fields = { vulnerabilities: { refuse: "high" }, vulnerabilitiesMode: "enforce" };
  const report = (
    cache: Cache,
    { digest, config }: { digest: string; config: { digest: string } },
  ) =>
    cache.ask(`https://cache.example/api/verdicts/${digest}`, {
      method: "PUT",
      headers: bearer(ADMIN),
      body: trivyReport({ digest, config }),
    });

  it("are told before a pull that they refuse, by platform where it is an index", async () => {
    const cache = cacheOf(fields);
    const { name, image: made } = await image("vulnerable");
    const cold = await explain(cache, `up/${name}:1`);
    expect(cold.text("vulnerabilities")).toContain("looked up when the image is pulled");
    await cache.bytes(`up/${name}/manifests/1`);
    await cache.settled();
    const unscanned = await explain(cache, `up/${name}:1`);
    expect(unscanned.text("vulnerabilities")).toContain("no scanner has reported on it");
    expect((await report(cache, made)).status).toBe(200);
    later(40_000);
    const path = `up/${name}/manifests/${made.digest}`;
    const whole = `up/${name}@${made.digest}`;
    const story = await expectAsTold(cache, whole, path, 403, /returns 403 DENIED/);
    expect(story.text("vulnerabilities")).toMatch(/is refused, unless .*CVE-2026-1 \(critical/);

    const index = await fixture.index(name, "2", [made]);
    await cache.bytes(`up/${name}/manifests/2`);
    await cache.settled();
    const told = await explain(cache, `up/${name}@${index.digest}`);
    expect(told.status).toBe(200);
    expect(told.text("vulnerabilities")).toMatch(/^linux\/amd64 \(sha256:\w+\) is refused/);
    expect((await explain(cacheOf(), `up/${name}:1`)).text("vulnerabilities")).toBe("");
  });
});

describe("the minimum age of a tag", () => {
  const AGE = { minimumAge: "3h", tagTtl: "30m" };
  const get = async (cache: Cache, name: string) => {
    const response = await cache.fetch(`up/${name}/manifests/1`);
    await response.arrayBuffer();
    await cache.settled();
    return response.status;
  };

  it("is told of a tag that is refused, and of one that is old enough", async () => {
    const { name } = await image("age-first");
    const cache = cacheOf({ ...AGE, minimumAgeFirst: "refuse" });
    expect((await explain(cache, `up/${name}:1`)).text("age")).toContain("the next pull finds out");
    expect(await get(cache, name)).toBe(403);
    const story = await eventually(async () => {
      const one = await explain(cache, `up/${name}:1`);
      expect(one.status).toBe(403);
      return one;
    });
    expect(story.text("age")).toMatch(
      /less than the rule's minimum age of 3 h: it is refused until/,
    );
    later(4 * HOUR);
    expect((await explain(cache, `up/${name}:1`)).text("age")).toContain(
      "until a check confirms it",
    );
    expect(await get(cache, name)).toBe(200);
    const after = await explain(cache, `up/${name}:1`);
    expect([after.status, after.text("age")]).toEqual([
      200,
      "the tag's digest satisfies the rule's minimum age of 3 h",
    ]);
  });

  it("is told of a tag that is held, with the content of what it serves", async () => {
    const { name, image: old } = await image("age-held");
    const cache = cacheOf({ ...AGE, minimumAgeFirst: "serve" });
    expect(await get(cache, name)).toBe(200);
    const young = await fixture.image(name, "1", { seed: `${name}-2` });
    later(HOUR);
    expect(await get(cache, name)).toBe(200);
    const story = await explain(cache, `up/${name}:1`);
    expect(story.status).toBe(200);
    expect(story.text("age")).toContain(`has meant ${young.digest.slice(0, 19)} for`);
    expect(story.text("age")).toContain(`serves ${old.digest.slice(0, 19)}`);
    expect(story.text("content")).toContain(old.digest.slice(0, 19));
  });

  it("is told of a rule that only reports", async () => {
    const { name } = await image("age-report");
    const cache = cacheOf({ ...AGE, minimumAgeFirst: "refuse", minimumAgeMode: "report" });
    expect(await get(cache, name)).toBe(200);
    const story = await explain(cache, `up/${name}:1`);
    expect(story.status).toBe(200);
    expect(story.text("age")).toContain("it is served, since the rule only reports");
  });
});
