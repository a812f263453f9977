// What an upstream's answers become on their way to a client.

import { afterEach, describe, expect, it, vi } from "vitest";
import { basic } from "../../src/upstream/authorization/token.ts";
import { UpstreamClient } from "../../src/upstream/client/client.ts";
import type { Gate } from "../../src/upstream/contract.ts";
import { ruleOf } from "../config/rules.ts";
import { problemOf } from "../http/problem.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { ROBOT } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";
import { scriptFetch } from "./scripted.ts";

const cache = new Cache({
  RULES: [
    { prefix: "open", upstream: fixture.url("open") },
    { prefix: "basic", upstream: fixture.url("basic"), credentials: "ROBOT" },
  ],
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function content(hint: string) {
  const name = repository(hint);
  const image = await fixture.image(name, "1");
  const blob = image.layers[0]?.digest ?? "";
  const paths = {
    "a tag": `manifests/1`,
    "a digest": `manifests/${image.digest}`,
    "a blob": `blobs/${blob}`,
    tags: "tags/list",
    referrers: `referrers/${image.digest}`,
  };
  return { name, image, blob, paths };
}

const STATUSES = [
  { status: 401, clientStatus: 401, code: "UNAUTHORIZED" },
  { status: 403, clientStatus: 403, code: "DENIED" },
  { status: 429, clientStatus: 429, code: "TOOMANYREQUESTS" },
  { status: 500, clientStatus: 502, code: "UNAVAILABLE" },
  { status: 503, clientStatus: 503, code: "UNAVAILABLE" },
  { status: 504, clientStatus: 504, code: "UNAVAILABLE" },
] as const;

describe.each(["a tag", "a digest", "a blob", "tags", "referrers"] as const)("of %s", (kind) => {
  it.each(STATUSES)(
    "the upstream's $status keeps its meaning, as $clientStatus",
    async ({ status, clientStatus, code }) => {
      const { name, paths } = await content("status");
      const cache = cacheApart();
      const limited = status === 429 || status === 503;
      const fault = { status, ...(limited && { headers: { "retry-after": "77" } }) };
      await fixture.fault({ match: { repository: name }, times: 0, do: fault });
      const { headers, ...problem } = await problemOf(cache.fetch(`open/${name}/${paths[kind]}`));
      expect(problem).toMatchObject({ status: clientStatus, code });
      const head = await cache.head(`open/${name}/${paths[kind]}`);
      expect(head.status).toBe(clientStatus);
      for (const answered of [headers, head.headers]) {
        expect(answered.get("retry-after")).toBe(limited ? "77" : null);
        expect(answered.get("cache-status")).toContain(`fwd-status=${status}`);
      }
      // Nothing of it is kept for more than a minute.
      await fixture.heal({ repository: name });
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
      expect(await receive(cache.fetch(`open/${name}/${paths[kind]}`))).toMatchObject({
        status: 200,
      });
    },
  );
});

it.each([
  { title: "a tag", path: "manifests/none", code: "MANIFEST_UNKNOWN" },
  { title: "a digest", path: `manifests/sha256:${"0".repeat(64)}`, code: "MANIFEST_UNKNOWN" },
  { title: "a blob", path: `blobs/sha256:${"0".repeat(64)}`, code: "BLOB_UNKNOWN" },
])("$title that the upstream does not have is 404", async ({ path, code }) => {
  const { name } = await content("unknown");
  const problem = await problemOf(cache.fetch(`open/${name}/${path}`));
  expect(problem).toMatchObject({ status: 404, code });
  expect((await cache.head(`open/${name}/${path}`)).status).toBe(404);
});

it("tags of a repository that there is not are 404", async () => {
  const problem = await problemOf(cache.fetch(`open/${repository("nowhere")}/tags/list`));
  expect(problem).toMatchObject({ status: 404, code: "NAME_UNKNOWN" });
});

describe("an upstream that does not answer in time", () => {
  it.each(["a tag", "a digest", "a blob", "tags", "referrers"] as const)(
    "is 504: %s",
    async (kind) => {
      const { name, paths } = await content("silent");
      await fixture.fault({ match: { repository: name }, times: 0, do: { hold: name } });
      const impatient = cacheApart({ firstByteTimeout: "100ms" });
      const problem = await problemOf(impatient.fetch(`open/${name}/${paths[kind]}`));
      expect(problem).toMatchObject({ status: 504, code: "UNAVAILABLE" });
      expect(problem.message).toContain("within 100 ms");
    },
  );

  it("is given up: its connection is closed", async () => {
    const { name, paths } = await content("given-up");
    await fixture.fault({ match: { repository: name }, times: 0, do: { hold: name } });
    const impatient = cacheApart({ firstByteTimeout: "100ms" });
    await problemOf(impatient.fetch(`open/${name}/${paths.tags}`));
    await fixture.idle(name); // while it is still held
    expect(await fixture.requests({ repository: name })).toMatchObject([{ finished: false }]);
  });
});

it.each([
  ["hangs up", { reset: true as const }],
  ["redirects forever", { redirect: "loop" as const }],
  ["redirects six times", { redirect: "chain" as const, hops: 6 }],
  ["redirects to no address", { redirect: "http://" }],
])("an upstream that %s is 502", async (_, fault) => {
  const { name, paths } = await content("broken");
  const cache = cacheApart();
  await fixture.fault({ match: { repository: name }, times: 0, do: fault });
  for (const path of Object.values(paths)) {
    const problem = await problemOf(cache.fetch(`open/${name}/${path}`));
    expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
  }
});

describe("redirects", () => {
  it.each([
    ["to the CDN", { redirect: "cdn" as const }],
    ["to the CDN, with 302", { redirect: "cdn" as const, status: 302 }],
    ["five hops away", { redirect: "chain" as const, hops: 5 }],
  ])("%s are followed, without the credentials", async (_, fault) => {
    const { name, image, blob, paths } = await content("redirected");
    await fixture.fault({ match: { repository: name, server: "basic" }, times: 0, do: fault });
    const received = [
      await receive(cache.fetch(`basic/${name}/${paths["a blob"]}`)),
      await receive(cache.fetch(`basic/${name}/${paths["a digest"]}`)),
    ];
    expect(received).toMatchObject([{ digest: blob }, { digest: image.digest }]);
    const atCdn = await fixture.requests({ repository: name, server: "cdn" });
    expect(atCdn).toHaveLength("hops" in fault ? 10 : 2);
    expect(atCdn.every(({ authorization }) => authorization === "none")).toBe(true);
    const atDoor = await fixture.requests({ repository: name, server: "basic" });
    expect(atDoor.some(({ user }) => user === "robot")).toBe(true);
  });

  it("are never the client's to follow", async () => {
    const { name, paths } = await content("ours");
    await fixture.fault({ match: { repository: name }, times: 0, do: { redirect: "cdn" } });
    const init = { redirect: "manual" } as const;
    for (const path of [paths["a blob"], paths["a tag"], paths.tags]) {
      const response = await cache.fetch(`open/${name}/${path}`, init);
      expect(response.headers.get("location")).toBeNull();
      expect([response.status, (await response.text()).includes("X-Amz-Signature")]).toEqual([
        200,
        false,
      ]);
    }
  });
});

describe("an upstream that repeats its request", () => {
  const echo = (text: string) => ({
    status: 403,
    body: JSON.stringify({ errors: [{ code: "DENIED", message: `you sent: ${text}` }] }),
  });

  it.each([
    ["its Authorization", basic(ROBOT)],
    ["the value of it", basic(ROBOT).slice("Basic ".length)],
    ["the password", ROBOT.password],
  ])("does not get into the answer: %s", async (_, secret) => {
    const { name, paths } = await content("echo");
    await fixture.fault({ match: { repository: name }, times: 0, do: echo(secret) });
    for (const path of Object.values(paths)) {
      const problem = await problemOf(cache.fetch(`basic/${name}/${path}`));
      expect(problem).toMatchObject({ status: 403, code: "DENIED" });
      expect(problem.message).not.toContain("you sent");
      expect(problem.message).not.toContain(secret);
    }
  });

  it("is told where there is nothing secret in it", async () => {
    const { name, paths } = await content("echo");
    await fixture.fault({ match: { repository: name }, times: 0, do: echo("a greeting") });
    const problem = await problemOf(cache.fetch(`basic/${name}/${paths.tags}`));
    expect(problem.message).toContain("you sent: a greeting");
  });

  it.each(["before a challenge", "after a challenge"])("token and all, %s", async (when) => {
    const token = "Bearer ey.token.value";
    const first = when === "before a challenge" ? token : undefined;
    const loan = (authorization: string | undefined) => ({
      authorization,
      key: 0,
      fresh: authorization !== undefined,
      watched: false,
      lentAt: 0,
    });
    const gate: Gate = {
      lend: async () => loan(first),
      answer: async (_rule, _scope, _refused, { fresh }) => (fresh ? undefined : loan(token)),
      report: async () => ({ pause: 0, became: [] }),
      news: async () => [],
      lacksReferrers: async () => false,
      sawReferrers: async () => null,
      sawHead: async () => null,
    };
    scriptFetch({
      "https://registry.example.com/v2/x/tags/list": () => {
        const { status, body } = echo("ey.token.value");
        return new Response(body, { status: first || requestCount++ ? status : 401 });
      },
    });
    let requestCount = 0;
    const source = { rule: ruleOf({}), repository: "x" };
    const error = await new UpstreamClient(gate)
      .tags(source, new URLSearchParams())
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 403, message: "registry.example.com answered 403" });
  });
});

it("an error body of any size is told in a few words", async () => {
  const { name, paths } = await content("verbose");
  const cache = cacheApart();
  const body = JSON.stringify({ errors: [{ message: "x".repeat(4_000_000) }] });
  await fixture.fault({ match: { repository: name }, times: 0, do: { status: 500, body } });
  for (const path of Object.values(paths)) {
    const problem = await problemOf(cache.fetch(`open/${name}/${path}`));
    expect(problem).toMatchObject({ status: 502 });
    expect(problem.message.length).toBeLessThan(1000);
  }
});
