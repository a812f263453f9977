// A rule validated: what its upstream says of it, step by step, and what is told of each failure.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { validate } from "../../src/upstream/validate.ts";
import { ruleOf } from "../config/rules.ts";
import { fixture, repository } from "../support/cache.ts";
import { secretIn } from "../support/secrets.ts";

const secrets = env as unknown as Record<string, unknown>;

async function validated(fields: object, sample?: { repository: string; reference: string }) {
  const rule = ruleOf({ realm: fixture.host("token"), ...fields });
  const { valid, checks } = await validate(rule, secrets, sample, Date.now());
  const told = checks.map(({ check, good }) => `${good ? "+" : "-"}${check}`).join(" ");
  const text = checks.map((one) => one.text).join("\n");
  expect(secretIn(text)).toBeUndefined();
  return { valid, told, text };
}

async function image(prefix = "valid") {
  const name = repository(prefix);
  await fixture.image(name, "1");
  return { repository: name, reference: "1" };
}

describe("a rule that works", () => {
  it.each([
    ["an open registry", { upstream: fixture.url("open") }, "+reach +challenge +image"],
    [
      "a token service, without credentials",
      { upstream: fixture.url("bearer") },
      "+reach +challenge +credentials +image",
    ],
    [
      "a token service, with credentials",
      { upstream: fixture.url("bearer"), credentials: "ROBOT" },
      "+reach +challenge +credentials +image",
    ],
    [
      "Basic",
      { upstream: fixture.url("basic"), credentials: "ROBOT" },
      "+reach +challenge +credentials +image",
    ],
  ])("%s", async (_, fields, expected) => {
    expect(await validated(fields, await image())).toMatchObject({ valid: true, told: expected });
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
      told: expect.stringMatching(/\+budget$/),
      text: expect.stringContaining("76 of 100 pulls are left"),
    });
    await fixture.heal({ id });
    await fixture.fault({ match, times: 0, do: fault(3) });
    expect(await validated(fields, sample)).toMatchObject({
      valid: false,
      told: expect.stringMatching(/-budget$/),
    });
  });
});

describe("a rule that does not", () => {
  it.each<[string, object, string, string]>([
    ["nobody listens", { upstream: "http://127.0.0.1:1" }, "-reach", "could not be reached"],
    [
      "no registry",
      { upstream: `${fixture.url("open")}/elsewhere/deep` },
      "-reach",
      "as no registry does",
    ],
    [
      "another's password",
      { upstream: fixture.url("bearer"), credentials: "WRONG" },
      "+reach +challenge -credentials",
      "answered 401, the secret WRONG",
    ],
    [
      "another's password for Basic",
      { upstream: fixture.url("basic"), credentials: "WRONG" },
      "+reach +challenge +credentials -access",
      "answered 401 to the secret WRONG",
    ],
    [
      "no credentials where they are wanted",
      { upstream: fixture.url("basic") },
      "+reach +challenge -credentials",
      "without credentials is of no use",
    ],
    [
      "a secret that is missing",
      { upstream: fixture.url("bearer"), credentials: "MISSING" },
      "+reach +challenge -credentials",
      "the secret MISSING is not set",
    ],
    [
      "a secret that is malformed",
      { upstream: fixture.url("bearer"), credentials: "MALFORMED" },
      "+reach +challenge -credentials",
      "the secret MALFORMED must be",
    ],
    [
      "the second of two that is wrong",
      { upstream: fixture.url("bearer"), credentials: ["ROBOT", "WRONG"] },
      "+reach +challenge +credentials +image -credentials",
      "the secret WRONG",
    ],
  ])("%s", async (_, fields, expected, words) => {
    const { valid, told, text } = await validated(fields, await image());
    expect([valid, told]).toEqual([false, expected]);
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
      told: expect.stringMatching(/-image$/),
      text: expect.stringContaining("answered 404 to HEAD"),
    });
  });
});
