// Secrets in rules that the API adds: they go where the deployer bound them, and nowhere else; and what they open is not opened to all.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { access, api, shut, shutCache } from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";

const HOST = "https://registry.example.com";
const ELSEWHERE = "https://evil.example";
/** A rule of wrangler.toml that names the secret. */
const DEPLOYED = { prefix: "deployed-here", upstream: `${HOST}/team`, credentials: "ROBOT" };
const OTHER = { prefix: "other-here", upstream: "quay.io" };

const fields = (more: object = {}) => ({
  prefix: `added-${crypto.randomUUID().slice(0, 8)}`,
  upstream: `${HOST}/team`,
  credentials: "ROBOT",
  ...more,
});
const cacheOf = (RULES: object[], SECRETS: unknown = "", more: object = {}) =>
  shutCache({ RULES, SECRETS, ...more });

async function answerTo(cache: Cache, body: object, path = "rules", method = "POST") {
  const response = await api(cache, method, path, body);
  const answer = (await response.json()) as { detail?: string; problem?: string };
  return { status: response.status, said: answer.detail ?? "", told: answer };
}

/** Of the rule that all tests here add. */
async function problemOf(cache: Cache): Promise<string | undefined> {
  const { rules } = (await (await api(cache, "GET", "rules")).json()) as {
    rules: { name: string; problem?: string }[];
  };
  return rules.find(({ name }) => name === "kept-images")?.problem;
}

afterEach(() => vi.restoreAllMocks());

/** None is left of another test. */
beforeEach(async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  for (const { name } of (await access.page()).rules.rules)
    await api(cacheOf([OTHER]), "DELETE", `rules/${encodeURIComponent(name)}`);
});

describe("a secret that is bound to no host", () => {
  it("is refused, with a sentence that says how it is bound", async () => {
    const { status, said } = await answerTo(cacheOf([OTHER]), fields());
    expect(status).toBe(400);
    expect(said).toBe(
      `credentials: the secret ROBOT is bound to no host: bind it in wrangler.toml with [vars.SECRETS] ROBOT = ["${HOST}/team"]`,
    );
  });

  it("goes nowhere when such a rule is validated", async () => {
    const { said } = await answerTo(cacheOf([OTHER]), fields(), "rules/validate");
    expect(said).toContain("the secret ROBOT is bound to no host");
  });

  it.each(["ADMIN_TOKEN", "VIEWER_TOKEN", "METRICS_TOKEN"])(
    "as the cache's own %s",
    async (own) => {
      const { status, said } = await answerTo(cacheOf([OTHER]), fields({ credentials: own }));
      expect([status, said]).toEqual([
        400,
        `credentials: ${own} is one of the cache's own secrets`,
      ]);
    },
  );

  it("as one of a list of which the others are bound", async () => {
    const both = fields({ credentials: ["ROBOT", "WRONG"] });
    const { said } = await answerTo(cacheOf([DEPLOYED]), both);
    expect(said).toContain("credentials: the secret WRONG is bound to no host");
  });
});

/** Of a secret that is bound to HOST/team. */
const PLACES: { target: string; fields: object; problem: string | undefined }[] = [
  { target: "that upstream", fields: {}, problem: undefined },
  { target: "a path under it", fields: { upstream: `${HOST}/team/a` }, problem: undefined },
  { target: "with a slash at its end", fields: { upstream: `${HOST}/team/` }, problem: undefined },
  { target: "another host", fields: { upstream: ELSEWHERE }, problem: "credentials" },
  {
    target: "a host that begins like it",
    fields: { upstream: `${HOST}.evil.example/team` },
    problem: "credentials",
  },
  { target: "another path", fields: { upstream: `${HOST}/other` }, problem: "credentials" },
  {
    target: "a path that begins like it",
    fields: { upstream: `${HOST}/teams` },
    problem: "credentials",
  },
  { target: "the path above it", fields: { upstream: HOST }, problem: "credentials" },
  {
    target: "a path that leads back",
    fields: { upstream: `${HOST}/team/../other` },
    problem: "credentials",
  },
  {
    target: "a path that leads back, escaped",
    fields: { upstream: `${HOST}/team/%2e%2e/other` },
    problem: "credentials",
  },
  {
    target: "a path with an escaped slash",
    fields: { upstream: `${HOST}/team%2f..%2fother` },
    problem: "upstream",
  },
  {
    target: "a path escaped twice",
    fields: { upstream: `${HOST}/team/%252e%252e/other` },
    problem: "upstream",
  },
  { target: "another port", fields: { upstream: `${HOST}:8443/team` }, problem: "credentials" },
  {
    target: "plain http",
    fields: { upstream: "http://registry.example.com/team", insecure: true },
    problem: "credentials",
  },
  { target: "a realm elsewhere", fields: { realm: ELSEWHERE }, problem: "realm" },
  { target: "a realm elsewhere, as a host", fields: { realm: "evil.example" }, problem: "realm" },
  {
    target: "a realm at another port",
    fields: { realm: "registry.example.com:8443" },
    problem: "realm",
  },
  {
    target: "the upstream's host as a realm",
    fields: { realm: "registry.example.com" },
    problem: "realm",
  },
  {
    target: "an endpoint elsewhere",
    fields: { kind: "ecr", region: "eu-west-1", endpoint: ELSEWHERE },
    problem: "endpoint",
  },
  {
    target: "another credential's place",
    fields: { credentials: ["ROBOT"], upstream: ELSEWHERE },
    problem: "credentials",
  },
];

describe.each<{ title: string; RULES: object[]; SECRETS: unknown }>([
  { title: "by a rule of wrangler.toml", RULES: [DEPLOYED], SECRETS: "" },
  { title: "by SECRETS", RULES: [OTHER], SECRETS: { ROBOT: [`${HOST}/team`] } },
  {
    title: "by SECRETS, as --var hands it over",
    RULES: [OTHER],
    SECRETS: JSON.stringify({ ROBOT: [`${HOST}/team/`] }),
  },
  { title: "by SECRETS, without a list", RULES: [OTHER], SECRETS: { ROBOT: `${HOST}/team` } },
])("a secret that is bound $title", ({ RULES, SECRETS }) => {
  it.each(PLACES)("may go to $target, or not", async ({ fields: changed, problem }) => {
    // LOCAL_ADMIN: only the binding stands in the way of http.
    const cache = cacheOf(RULES, SECRETS, { LOCAL_ADMIN: "true" });
    const { status, said } = await answerTo(cache, fields(changed));
    expect([status, said.split(":")[0]]).toEqual(problem ? [400, problem] : [201, ""]);
    if (!problem) return;
    expect((await answerTo(cache, fields(changed), "rules/validate")).status).toBe(400);
  });
});

describe("what the deployer named beside the upstream", () => {
  const realm = "auth.example.org";
  const ecr = { kind: "ecr", region: "eu-west-1", endpoint: "https://ecr.example.org" };
  it.each<{ title: string; deployed: object; added: object; status: number }>([
    { title: "a realm", deployed: { realm }, added: { realm }, status: 201 },
    {
      title: "a realm, as a URL",
      deployed: { realm },
      added: { realm: `https://${realm}/token` },
      status: 201,
    },
    {
      title: "a realm, at another port",
      deployed: { realm },
      added: { realm: `https://${realm}:8443` },
      status: 400,
    },
    {
      title: "a realm, that is the upstream then",
      deployed: { realm },
      added: { upstream: `https://${realm}` },
      status: 400,
    },
    { title: "the API of ECR", deployed: ecr, added: ecr, status: 201 },
    {
      title: "the API of ECR, elsewhere",
      deployed: ecr,
      added: { ...ecr, endpoint: ELSEWHERE },
      status: 400,
    },
    {
      title: "the API of ECR, that is the upstream then",
      deployed: ecr,
      added: { upstream: ecr.endpoint },
      status: 400,
    },
  ])("$title", async ({ deployed, added, status }) => {
    const cache = cacheOf([{ ...DEPLOYED, ...deployed }]);
    expect((await answerTo(cache, fields(added))).status).toBe(status);
  });

  it("may be more than one place, of SECRETS and of several rules", async () => {
    const second = { ...DEPLOYED, prefix: "second-here", upstream: "https://second.example" };
    const cache = cacheOf([DEPLOYED, second], { ROBOT: ["third.example", "https://b.example/x"] });
    for (const to of ["second.example", "third.example", "https://b.example/x/y", `${HOST}/team`])
      expect([to, (await answerTo(cache, fields({ upstream: to }))).status]).toEqual([to, 201]);
    for (const to of ["fourth.example", "https://b.example"])
      expect([to, (await answerTo(cache, fields({ upstream: to }))).status]).toEqual([to, 400]);
  });

  it("Amazon's own API needs no word, for a registry of Amazon's", async () => {
    const upstream = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    const cache = cacheOf([OTHER], { ROBOT: [upstream] });
    const { status } = await answerTo(cache, fields({ upstream, kind: "ecr" }));
    expect(status).toBe(201);
    const elsewhere = fields({ upstream, kind: "ecr", endpoint: ELSEWHERE });
    expect((await answerTo(cache, elsewhere)).said).toMatch(/^endpoint: the secret ROBOT/);
  });
});

describe("what a secret opens is not opened to all by the API", () => {
  it.each<[object, string]>([
    [{ anonymous: true }, "anonymous"],
    [{ networks: ["0.0.0.0/0", "::/0"] }, "networks"],
    [{ networks: ["203.0.113.7"] }, "networks"],
    [{ secretHost: "0123456789abcdef0123456789abcdef.example.com" }, "host"],
  ])("%j", async (open, field) => {
    const cache = cacheOf([DEPLOYED]);
    const { status, said } = await answerTo(cache, fields(open));
    expect([status, said.split(":")[0]]).toEqual([400, field]);
    if (field === "host") return;
    const without = { ...fields({ ...open, upstream: "public.example" }), credentials: undefined };
    expect((await answerTo(cache, without)).status).toBe(201);
  });

  it("nor where AUTH is open, except to this machine", async () => {
    const AUTH = { mode: "open", acknowledgeOpen: true };
    const open = cacheOf([DEPLOYED], "", { AUTH });
    const { status, said } = await answerTo(open, fields());
    expect([status, said.split(":")[0]]).toEqual([400, "AUTH.mode"]);
    const without = { ...fields({ upstream: "public.example" }), credentials: undefined };
    expect((await answerTo(open, without)).status).toBe(201);
    const local = cacheOf([DEPLOYED], "", { AUTH, LOCAL_ADMIN: "true" });
    expect((await answerTo(local, fields())).status).toBe(201);
  });

  it("nor by one of before, where AUTH has been opened since", async () => {
    const added = { prefix: "kept-images", upstream: `${HOST}/team`, credentials: "ROBOT" };
    const { version } = (await access.page()).rules;
    const change = { id: crypto.randomUUID(), name: added.prefix, fields: added };
    expect(await access.changeRule(version, change, "an earlier version", 1)).toBe(true);
    const cache = cacheOf([DEPLOYED], "", { AUTH: { mode: "open", acknowledgeOpen: true } });
    const response = await cache.fetch("kept-images/app/manifests/1");
    const text = await response.text();
    expect([response.status, text]).toEqual([500, expect.stringContaining("cannot be used")]);
    expect(await problemOf(cache)).toContain("without a token (AUTH.mode)");
  });

  it("nor by a rule that is changed", async () => {
    const cache = cacheOf([DEPLOYED]);
    const made = fields();
    expect((await answerTo(cache, made)).status).toBe(201);
    const path = `rules/${made.prefix}`;
    expect((await answerTo(cache, { ...made, anonymous: true }, path, "PUT")).status).toBe(400);
    const moved = { ...made, upstream: ELSEWHERE };
    expect((await answerTo(cache, moved, path, "PUT")).status).toBe(400);
    expect((await answerTo(cache, { ...made, tagTtl: "5m" }, path, "PUT")).status).toBe(200);
  });
});

describe("when what bound a secret goes", () => {
  const upstream = fixture.url("basic");
  const local = (RULES: object[], SECRETS: unknown = "") =>
    new Cache({
      ...shut(),
      AUTH: { mode: "open", acknowledgeOpen: true },
      LOCAL_ADMIN: "true",
      RULES,
      SECRETS,
    });
  const bound = { prefix: "bound-here", upstream, credentials: "ROBOT" };
  const added = { prefix: "kept-images", upstream, credentials: "ROBOT" };
  it.each<{ title: string; RULES: object[]; SECRETS: unknown }>([
    { title: "the last rule that names it", RULES: [OTHER], SECRETS: "" },
    { title: "the rule's upstream", RULES: [{ ...bound, upstream: HOST }], SECRETS: "" },
    { title: "SECRETS' line", RULES: [OTHER], SECRETS: { ROBOT: [HOST] } },
  ])(
    "$title: the added rule is unusable, says why, and is sent nowhere",
    async ({ RULES, SECRETS }) => {
      const name = `private/${repository("unbound")}`;
      await fixture.image(name, "1");
      const before = local([bound]);
      expect((await answerTo(before, added)).status).toBe(201);
      expect((await before.fetch(`kept-images/${name}/manifests/1`)).status).toBe(200);
      const requestCount = async () => (await fixture.requests({ repository: name })).length;
      const count = await requestCount();

      // Its names are not given to the default rule.
      const after = local([...RULES, { default: true, upstream: fixture.url("open") }], SECRETS);
      expect(await problemOf(after)).toContain("the secret ROBOT is bound");
      const refused = await after.fetch(`kept-images/${name}/manifests/1`);
      const text = await refused.text();
      expect([refused.status, text]).toEqual([500, expect.stringContaining("cannot be used")]);
      expect(text).not.toMatch(/ROBOT|http/); // who pulls is not told what is bound where
      const validated = await api(after, "POST", "rules/validate?rule=kept-images");
      expect(await validated.json()).toMatchObject({
        valid: false,
        checks: expect.arrayContaining([
          expect.objectContaining({ good: false, text: expect.stringContaining("is bound") }),
        ]),
      });
      expect(await requestCount()).toBe(count);

      expect(await problemOf(local([OTHER], { ROBOT: [upstream] }))).toBeUndefined();
    },
  );

  it("a rule of before that is open to all is unusable too", async () => {
    const { version } = (await access.page()).rules;
    const open = { ...added, anonymous: true };
    const change = { id: crypto.randomUUID(), name: added.prefix, fields: open };
    expect(await access.changeRule(version, change, "an earlier version", 1)).toBe(true);
    expect(await problemOf(local([bound]))).toContain("without a token (anonymous)");
  });
});
