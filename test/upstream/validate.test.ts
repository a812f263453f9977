// A rule validated: what its upstream says of it, step by step, and what is told of each failure.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { validate } from "../../src/upstream/client/validate.ts";
import { ruleOf } from "../config/rules.ts";
import { apartPath, fixture, repository } from "../support/cache.ts";
import { secretIn } from "../support/secrets.ts";

const secrets = env as unknown as Record<string, unknown>;

async function validated(fields: object, sample?: { repository: string; reference: string }) {
  const rule = ruleOf({ realm: fixture.host("token"), ...fields });
  const { valid, checks } = await validate(rule, secrets, sample, Date.now());
  const results = checks.map(({ check, good }) => `${good ? "+" : "-"}${check}`).join(" ");
  const text = checks.map((one) => one.text).join("\n");
  expect(secretIn(text)).toBeUndefined();
  return { valid, results, text };
}

async function image(prefix = "valid") {
  const name = repository(prefix);
  await fixture.image(name, "1");
  return { repository: name, reference: "1" };
}

describe("a rule that works", () => {
  it.each([
    {
      title: "an open registry",
      fields: { upstream: fixture.url("open") },
      expected: "+reach +challenge +image",
    },
    {
      title: "a token service, without credentials",
      fields: { upstream: fixture.url("bearer") },
      expected: "+reach +challenge +credentials +image",
    },
    {
      title: "a token service, with credentials",
      fields: { upstream: fixture.url("bearer"), credentials: "ROBOT" },
      expected: "+reach +challenge +credentials +image",
    },
    {
      title: "Basic",
      fields: { upstream: fixture.url("basic"), credentials: "ROBOT" },
      expected: "+reach +challenge +credentials +image",
    },
  ])("$title", async ({ fields, expected }) => {
    expect(await validated(fields, await image())).toMatchObject({
      valid: true,
      results: expected,
    });
  });

  it("tells what is left of a limit, and when that is too little", async () => {
    const sample = await image();
    const match = { repository: sample.repository, method: "HEAD" };
    const fault = (remaining: number) => ({
      headers: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": `${remaining};w=21600` },
    });
    const id = await fixture.fault({ match, times: 0, do: fault(76) });
    const fields = { upstream: fixture.url("open") };
    expect(await validated(fields, sample)).toMatchObject({
      valid: true,
      results: expect.stringMatching(/\+budget$/),
      text: expect.stringContaining("76 of 100 pulls are left"),
    });
    await fixture.heal({ id });
    await fixture.fault({ match, times: 0, do: fault(3) });
    expect(await validated(fields, sample)).toMatchObject({
      valid: false,
      results: expect.stringMatching(/-budget$/),
    });
  });
});

describe("a rule that does not", () => {
  it.each<{ title: string; fields: object; expected: string; words: string }>([
    {
      title: "no server listens",
      fields: { upstream: "http://127.0.0.1:1" },
      expected: "-reach",
      words: "could not be reached",
    },
    {
      title: "no registry",
      fields: { upstream: `${fixture.url("open")}/elsewhere/deep` },
      expected: "-reach",
      words: "which is not a registry's answer",
    },
    {
      title: "another's password",
      fields: { upstream: fixture.url("bearer"), credentials: "WRONG" },
      expected: "+reach +challenge -credentials",
      words: "answered 401, with the secret WRONG",
    },
    {
      title: "another's password for Basic",
      fields: { upstream: fixture.url("basic"), credentials: "WRONG" },
      expected: "+reach +challenge +credentials -access",
      words: "answered 401 with the secret WRONG",
    },
    {
      title: "no credentials where they are wanted",
      fields: { upstream: fixture.url("basic") },
      expected: "+reach +challenge -credentials",
      words: "cannot be answered without credentials",
    },
    {
      title: "a secret that is missing",
      fields: { upstream: fixture.url("bearer"), credentials: "MISSING" },
      expected: "+reach +challenge -credentials",
      words: "the secret MISSING is not set",
    },
    {
      title: "a secret that is malformed",
      fields: { upstream: fixture.url("bearer"), credentials: "MALFORMED" },
      expected: "+reach +challenge -credentials",
      words: "the secret MALFORMED must be",
    },
    {
      title: "the second of two that is wrong",
      fields: { upstream: fixture.url("bearer"), credentials: ["ROBOT", "WRONG"] },
      expected: "+reach +challenge +credentials +image -credentials",
      words: "the secret WRONG",
    },
  ])("$title", async ({ fields, expected, words }) => {
    const { valid, results, text } = await validated(fields, await image());
    expect([valid, results]).toEqual([false, expected]);
    expect(text).toContain(words);
  });

  it("an image that it may not see, or that is not there", async () => {
    const secret = await image("private/valid");
    const anonymous = await validated({ upstream: fixture.url("bearer") }, secret);
    expect(anonymous.valid).toBe(false);
    expect(
      (await validated({ upstream: fixture.url("bearer"), credentials: "ROBOT" }, secret)).valid,
    ).toBe(true);
    const missing = await validated(
      { upstream: fixture.url("open") },
      { ...secret, reference: "2" },
    );
    expect(missing).toMatchObject({
      valid: false,
      results: expect.stringMatching(/-image$/),
      text: expect.stringContaining("answered 404 to HEAD"),
    });
  });

  it.each([404, 405, 401])("by GET where HEAD is answered %i and GET works", async (status) => {
    const sample = await image("valid-by-get");
    const match = { repository: sample.repository, method: "HEAD" };
    await fixture.fault({ match, times: 0, do: { status } });
    const results = await validated({ upstream: fixture.url("open") }, sample);
    expect(results).toMatchObject({ valid: true, text: expect.stringContaining("200 to GET of") });
  });
});

describe("an upstream with a path, which goes before /v2", () => {
  const root = fixture.url("open");

  it("and answers there: it is said", async () => {
    const sample = await image();
    const { valid, text } = await validated({ upstream: root + apartPath() }, sample);
    expect(valid).toBe(true);
    expect(text).toMatch(
      /answers as a registry, at \/apart-[^/]+\/v2\/: its path goes before \/v2/,
    );
  });

  it.each<{ title: string; path: string; fields: object; fault: object | undefined }>([
    { title: "404", path: "/hub-proxy", fields: {}, fault: undefined },
    { title: "a portal's page", path: "/hub-proxy", fields: {}, fault: { html: true } },
    {
      title: "with more of a name",
      path: "/hub-proxy/team",
      fields: { upstreamPrefix: "library" },
      fault: undefined,
    },
    {
      title: "the address that the project is at",
      path: "/v2/hub-proxy",
      fields: {},
      fault: undefined,
    },
  ])("and does not, while the host does: $title", async ({ path, fields, fault }) => {
    if (fault) await fixture.fault({ match: { server: "open", kind: "other" }, do: fault });
    const { valid, results, text } = await validated({ upstream: root + path, ...fields });
    expect([valid, results]).toEqual([false, "-reach"]);
    expect(text).toContain("path goes before /v2");
    expect(text).toContain(`A registry answers at ${root}/v2/`);
    const prefix = [path.replace(/^\/(v2\/)?/, ""), ...Object.values(fields)].join("/");
    expect(text).toContain(`write upstream = "${root}" and upstreamPrefix = "${prefix}"`);
  });

  it("as it is proposed, it is valid", async () => {
    const name = `hub-proxy/library/${repository("valid")}`;
    await fixture.image(name, "1");
    const sample = { repository: name, reference: "1" };
    const fields = { upstream: root, upstreamPrefix: "hub-proxy", dockerHub: true };
    expect(await validated(fields, sample)).toMatchObject({ valid: true });
  });

  it("and no registry answers anywhere: nothing is proposed", async () => {
    const { results, text } = await validated({ upstream: `${fixture.url("token")}/hub-proxy` });
    expect(results).toBe("-reach");
    expect(text).toContain("no registry answers either");
    expect(text).not.toContain("write");
  });

  it("sends no secret to the host's root", async () => {
    const upstream = `${fixture.url("open")}/hub-proxy`;
    const before = (await fixture.requests({ kind: "ping" })).length;
    await validated({ upstream, credentials: "ROBOT" });
    const pings = (await fixture.requests({ kind: "ping" })).slice(before);
    expect(pings.length).toBeGreaterThan(0);
    for (const { authorization } of pings) expect(authorization).toBe("none");
  });
});

it("a page in place of a registry is none, without a path too", async () => {
  await fixture.fault({ match: { server: "open", kind: "ping" }, do: { html: true } });
  const { results, text } = await validated({ upstream: fixture.url("open") });
  expect(results).toBe("-reach");
  expect(text).toContain("answered a page to GET /v2/");
});

it("of an image that is not there, it is told that the rule may be for Docker Hub's names", async () => {
  const { text } = await validated(
    { prefix: "docker.io", upstream: fixture.url("open") },
    { repository: repository("none"), reference: "1" },
  );
  expect(text).toMatch(/answered 404 to HEAD.*dockerHub = true/);
});
