// Where a challenge sends us for a token: which service may see credentials, and that a bad challenge does no lasting
// harm. The fixture's bearer door names its token service by address, at another port than its own.

import { describe, expect, it } from "vitest";
import type { RegistryCredentials } from "../../src/config/credentials.ts";
import { parseChallenges } from "../../src/upstream/authorization/challenge.ts";
import { fetchToken } from "../../src/upstream/authorization/token.ts";
import { ruleOf } from "../config/rules.ts";
import { problemOf } from "../http/problem.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { ROBOT, SERVICE } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";

const here = `${fixture.url("token")}/token`;
const elsewhere = `http://localhost:${fixture.ports.token}/token`;
const bearer = (realm: string) => `Bearer realm="${realm}",service="${SERVICE}"`;

function ask(name: string, header: string, credentials?: RegistryCredentials, fields: object = {}) {
  const [challenge] = parseChallenges(header);
  if (!challenge) throw new Error("the test's own challenge cannot be read");
  const rule = ruleOf({ upstream: fixture.url("bearer"), realm: here, ...fields });
  return fetchToken(rule, { challenge, scope: `repository:${name}:pull` }, credentials, 1_000_000);
}

const tokenRequests = (name: string) => fixture.requests({ repository: name, kind: "token" });

describe("credentials", () => {
  it("go to a token service that the rule names", async () => {
    const name = repository("own-site");
    const token = await ask(name, bearer(here), ROBOT);
    expect(token.authorization).toMatch(/^Bearer \S+$/);
    expect(token.expiresAt).toBe(1_000_000 + 290_000);
    expect(await tokenRequests(name)).toMatchObject([{ method: "GET", user: "robot" }]);
  });

  it.each([
    ["another host", elsewhere],
    ["another port of the upstream's own host", here],
  ])("do not go to %s that it does not name", async (_, realm) => {
    const name = repository("other-origin");
    const unnamed = { realm: "auth.example.com" };
    await expect(ask(name, bearer(realm), ROBOT, unnamed)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining(`set the rule's \`realm\` to ${new URL(realm).origin}`),
    });
    expect(await tokenRequests(name)).toEqual([]);
  });

  it("go to another site that the rule names", async () => {
    const name = repository("named-site");
    await ask(name, bearer(elsewhere), ROBOT, { realm: `http://localhost:${fixture.ports.token}` });
    expect(await tokenRequests(name)).toMatchObject([{ method: "GET", user: "robot" }]);
  });

  it("or not, another site is not asked: an upstream's word does not lead there", async () => {
    const name = repository("anonymous-site");
    await expect(ask(name, bearer(elsewhere))).rejects.toThrow("the rule's `realm`");
    expect(await tokenRequests(name)).toEqual([]);
  });

  it("that are an identity token are exchanged, by POST", async () => {
    const name = repository("identity");
    const scope = `repository:${name}:pull`;
    const query = new URLSearchParams({ service: SERVICE, scope, offline_token: "true" });
    const login = await fetch(`${here}?${query}`, {
      headers: { Authorization: `Basic ${btoa(`${ROBOT.username}:${ROBOT.password}`)}` },
    });
    const { refresh_token: token } = (await login.json()) as { refresh_token: string };
    const { authorization } = await ask(name, bearer(here), { token });
    const [, request] = await tokenRequests(name);
    expect(request).toMatchObject({
      method: "POST",
      authorization: "none",
      query: "",
      status: 200,
    });
    const granted = await fetch(`${fixture.url("bearer")}/v2/${name}/tags/list`, {
      headers: { Authorization: authorization },
    });
    expect(granted.status).toBe(404); // let in, to a repository that there is not
    await granted.body?.cancel();
  });

  it("that are an identity token of another are refused with 401", async () => {
    const name = repository("identity-wrong");
    const error = await ask(name, bearer(here), { token: "s3cret" }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "UNAUTHORIZED", status: 401 });
    expect((error as Error).message).not.toContain("s3cret");
  });
});

it.each([
  ["no realm", `Bearer service="${SERVICE}"`],
  ["an empty realm", 'Bearer realm=""'],
  ["a realm that is a path", 'Bearer realm="/token"'],
  ["a realm that is a file", 'Bearer realm="file:///etc/passwd"'],
  ["a realm with credentials in it", `Bearer realm="${here.replace("//", "//u:p@")}"`],
])("a challenge with %s is of no use", async (_, header) => {
  const name = repository("bad-realm");
  await expect(ask(name, header)).rejects.toMatchObject({ code: "UNAVAILABLE", status: 502 });
  expect(await tokenRequests(name)).toEqual([]);
});

it("a realm keeps the query that it came with", async () => {
  const name = repository("realm-query");
  await ask(name, bearer(`${here}?account=x`));
  const [request] = await tokenRequests(name);
  expect(Object.fromEntries(new URLSearchParams(request?.query))).toEqual({
    account: "x",
    service: SERVICE,
    scope: `repository:${name}:pull`,
  });
});

describe("through the Worker", () => {
  const local = `http://localhost:${fixture.ports.bearer}`;
  const cache = new Cache({
    RULES: [
      { prefix: "untrusted", upstream: local, credentials: "ROBOT" },
      {
        prefix: "trusted",
        upstream: local,
        credentials: "ROBOT_ACCESS_TOKEN",
        realm: fixture.host("token"),
      },
      { prefix: "anonymous", upstream: local },
      { prefix: "moved", upstream: fixture.url("bearer"), credentials: "ROBOT", realm: here },
      { prefix: "gone", upstream: fixture.url("bearer"), realm: here },
    ],
  });

  it.each(["untrusted", "anonymous"])(
    "another site is not asked for a token, and the client is told why: %s",
    async (prefix) => {
      const name = repository(prefix);
      await fixture.image(name, "1");
      const problem = await problemOf(cache.fetch(`${prefix}/${name}/manifests/1`));
      expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
      expect(problem.message).toContain(fixture.host("token"));
      expect(await tokenRequests(name)).toEqual([]);
    },
  );

  it("a token of another site is taken where the rule names it", async () => {
    const name = repository("trusted");
    const { digest } = await fixture.image(name, "1");
    const received = await receive(cache.fetch(`trusted/${name}/manifests/1`));
    expect(received).toMatchObject({ digest });
  });

  it.each([
    { title: "another site", prefix: "moved", realm: elsewhere },
    { title: "nowhere", prefix: "gone", realm: `${fixture.url("token")}/gone` },
  ])(
    "a challenge that led to $title is not held against the next request",
    async ({ prefix, realm }) => {
      const name = repository(prefix);
      const { digest } = await fixture.image(name, "1");
      const id = await fixture.fault({
        match: { repository: name, server: "bearer", unauthorized: true },
        times: 0,
        do: { status: 401, headers: { "www-authenticate": bearer(realm) } },
      });
      await problemOf(cache.fetch(`${prefix}/${name}/manifests/1`));
      await fixture.heal({ id });
      expect(await receive(cache.fetch(`${prefix}/${name}/manifests/1`))).toMatchObject({ digest });
    },
  );
});

describe("a token service that answers 404", () => {
  const cache = new Cache({
    RULES: [{ prefix: "b", upstream: `http://localhost:${fixture.ports.bearer}`, realm: here }],
  });

  it.each([
    ["a manifest", "manifests/1"],
    ["tags", "tags/list"],
    ["referrers", "referrers/"],
  ])("does not say that there is nothing: %s", async (_, path) => {
    const name = repository("service-404");
    const { digest } = await fixture.image(name, "1");
    await fixture.fault({
      match: { repository: name, kind: "token" },
      times: 0,
      do: { status: 404 },
    });
    const suffix = path.endsWith("/") ? path + digest : path;
    const { status } = await problemOf(cache.fetch(`b/${name}/${suffix}`));
    expect([401, 502]).toContain(status);
  });
});
