// The API's door, and what is behind it.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { clean, DAY, pullWhole } from "../support/lifecycle.ts";

const TOKEN = "an-admin-token-of-a-good-length-01";
const HERE = "http://127.0.0.1:8787";
const THERE = "https://cache.example";

beforeEach(clean);
afterEach(() => {
  vi.restoreAllMocks();
});

function bearer(token: string, scheme = "Bearer"): RequestInit {
  return { headers: { Authorization: `${scheme} ${token}` } };
}

describe("authentication", () => {
  it.each<{
    title: string;
    variables: Record<string, unknown>;
    origin: string;
    init: RequestInit;
    status: number;
  }>([
    {
      title: "the token",
      variables: { ADMIN_TOKEN: TOKEN },
      origin: THERE,
      init: bearer(TOKEN),
      status: 200,
    },
    {
      title: "the token, in another case of its scheme",
      variables: { ADMIN_TOKEN: TOKEN },
      origin: THERE,
      init: bearer(TOKEN, "bearer"),
      status: 200,
    },
    {
      title: "another token",
      variables: { ADMIN_TOKEN: TOKEN },
      origin: THERE,
      init: bearer(`${TOKEN}x`),
      status: 401,
    },
    {
      title: "the start of the token",
      variables: { ADMIN_TOKEN: TOKEN },
      origin: THERE,
      init: bearer(TOKEN.slice(1)),
      status: 401,
    },
    { title: "no token", variables: { ADMIN_TOKEN: TOKEN }, origin: THERE, init: {}, status: 401 },
    {
      title: "an empty token",
      variables: { ADMIN_TOKEN: TOKEN },
      origin: THERE,
      init: bearer(""),
      status: 401,
    },
    {
      title: "another scheme",
      variables: { ADMIN_TOKEN: TOKEN },
      origin: THERE,
      init: bearer(TOKEN, "Basic"),
      status: 401,
    },
    { title: "no secret", variables: {}, origin: THERE, init: bearer(TOKEN), status: 404 },
    { title: "no secret, and nothing given", variables: {}, origin: THERE, init: {}, status: 404 },
    {
      title: "an empty secret",
      variables: { ADMIN_TOKEN: "" },
      origin: THERE,
      init: bearer(""),
      status: 404,
    },
    {
      title: "a secret that is guessed",
      variables: { ADMIN_TOKEN: "short" },
      origin: THERE,
      init: bearer("short"),
      status: 500,
    },
    {
      title: "npm start, here",
      variables: { LOCAL_ADMIN: "true" },
      origin: HERE,
      init: {},
      status: 200,
    },
    {
      title: "npm start, by another name",
      variables: { LOCAL_ADMIN: true },
      origin: "http://localhost:8787",
      init: {},
      status: 200,
    },
    {
      title: "npm start, from elsewhere",
      variables: { LOCAL_ADMIN: "true" },
      origin: "http://192.168.0.7:8787",
      init: {},
      status: 403,
    },
    {
      title: "npm start, from elsewhere by https",
      variables: { LOCAL_ADMIN: "true" },
      origin: "https://a.lan",
      init: {},
      status: 404,
    },
    {
      title: "npm start, by a name that was bound anew",
      variables: { LOCAL_ADMIN: "true" },
      origin: "http://evil.example:8787",
      init: {},
      status: 403,
    },
    {
      title: "npm start, and another site's page",
      variables: { LOCAL_ADMIN: "true" },
      origin: HERE,
      init: { headers: { "Sec-Fetch-Site": "cross-site" } },
      status: 404,
    },
    {
      title: "npm start, and a page of this site",
      variables: { LOCAL_ADMIN: "true" },
      origin: HERE,
      init: { headers: { "Sec-Fetch-Site": "same-origin" } },
      status: 200,
    },
    {
      title: "npm start, and another origin",
      variables: { LOCAL_ADMIN: "true" },
      origin: HERE,
      init: { headers: { Origin: "http://127.0.0.1:3000" } },
      status: 404,
    },
    {
      title: "npm start, and its own origin",
      variables: { LOCAL_ADMIN: "true" },
      origin: HERE,
      init: { headers: { Origin: HERE } },
      status: 200,
    },
    {
      title: "npm start, and an opaque origin",
      variables: { LOCAL_ADMIN: "true" },
      origin: HERE,
      init: { headers: { Origin: "null" } },
      status: 404,
    },
    {
      title: "npm start with a secret",
      variables: { LOCAL_ADMIN: "true", ADMIN_TOKEN: TOKEN },
      origin: HERE,
      init: {},
      status: 401,
    },
    { title: "npm start without saying so", variables: {}, origin: HERE, init: {}, status: 404 },
  ])("$title", async ({ variables, origin, init, status }) => {
    const log = vi.spyOn(console, "log");
    const warned = vi.spyOn(console, "warn");
    const failed = vi.spyOn(console, "error");
    const response = await new Cache(variables).ask(`${origin}/api/lifecycle/runs`, init);
    const text = await response.text();
    expect([response.status, text]).toEqual([status, text]);
    expect(response.headers.get("cache-control")).toBe("no-store");
    if (status === 401)
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="entrepot"');
    const all = JSON.stringify([log, warned, failed].map(({ mock }) => mock.calls)) + text;
    expect(all).not.toContain(TOKEN.slice(1));
  });

  it("comes before every route: without the token all paths have the same answer", async () => {
    const cache = new Cache({ ADMIN_TOKEN: TOKEN });
    const none = new Cache();
    for (const path of [
      "/api",
      "/api/",
      "/api/lifecycle/runs",
      "/api/lifecycle/preview?policy={",
      "/api/nothing",
    ]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const bodies = [cache, none].map(async (one) => {
          const response = await one.ask(THERE + path, { method });
          return [response.status, await response.text()];
        });
        const [shut, off] = await Promise.all(bodies);
        expect(shut).toEqual([401, expect.stringContaining("send the admin token")]);
        expect(off).toEqual([404, expect.stringContaining("there is nothing here")]);
      }
    }
  });
});

describe("with the admin token", () => {
  const cache = new Cache({ ADMIN_TOKEN: TOKEN });
  const ask = (path: string, init: RequestInit = {}) =>
    cache.ask(`${THERE}/api${path}`, { ...init, ...bearer(TOKEN) });

  it.each<{ method: string; path: string; status: number; message: string }>([
    { method: "GET", path: "/nothing", status: 404, message: "there is nothing here" },
    {
      method: "DELETE",
      path: "/lifecycle/runs",
      status: 405,
      message: "this takes GET, HEAD, POST",
    },
    { method: "POST", path: "/lifecycle/events", status: 405, message: "this takes GET, HEAD" },
    { method: "GET", path: "/catalog/rebuild", status: 405, message: "this takes POST" },
    {
      method: "GET",
      path: "/lifecycle/runs?limit=3",
      status: 400,
      message: "limit: is not a field of this request",
    },
    {
      method: "GET",
      path: "/lifecycle/runs?n=0",
      status: 400,
      message: "n: must be a number from 1 to 1000",
    },
    {
      method: "GET",
      path: "/lifecycle/events?before=x",
      status: 400,
      message: "before: must be a number from 1 to",
    },
    {
      method: "POST",
      path: "/lifecycle/runs?force=maybe",
      status: 400,
      message: "force: must be true or false",
    },
    {
      method: "GET",
      path: "/lifecycle/preview?policy={",
      status: 400,
      message: "policy: is not JSON",
    },
    {
      method: "GET",
      path: '/lifecycle/preview?policy={"rules":5}',
      status: 400,
      message: "policy.rules: must be a list of rules",
    },
  ])("$method $path: $status", async ({ method, path, status, message }) => {
    const response = await ask(path, { method });
    expect([response.status, await response.text()]).toEqual([
      status,
      expect.stringContaining(message),
    ]);
  });

  it("a policy is refused with all its faults", async () => {
    const rule = { rulePriority: 0, selection: { tagStatus: "some" }, action: { type: "archive" } };
    const response = await ask("/lifecycle/preview", {
      method: "POST",
      body: JSON.stringify({ rules: [rule] }),
    });
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as {
      errors: { field: string; message: string }[];
    };
    for (const { field, message } of errors) expect(message).toMatch(`${field}: `);
    expect(errors.map(({ field }) => field)).toEqual([
      "policy.rules[0].rulePriority",
      "policy.rules[0].selection.tagStatus",
      "policy.rules[0].selection.countType",
      "policy.rules[0].selection.countNumber",
      "policy.rules[0].action.type",
    ]);
  });

  it("a policy that is too long is not read", async () => {
    const response = await ask("/lifecycle/preview", { method: "POST", body: "x".repeat(300_000) });
    expect(response.status).toBe(413);
  });
});

/** The API's answer to a request with the admin token. */
async function answerOf(cache: Cache, path: string, init: RequestInit = {}) {
  const response = await cache.ask(`${THERE}/api${path}`, { ...init, ...bearer(TOKEN) });
  const body = (await response.json()) as Record<string, unknown>;
  return { link: response.headers.get("link"), body };
}

describe("a preview", () => {
  it("lists what would expire, why, and the bytes that it frees; and changes nothing", async () => {
    const cache = cacheApart({}, { ADMIN_TOKEN: TOKEN });
    const ask = async (path: string, init?: RequestInit) =>
      (await answerOf(cache, path, init)).body;
    const [one, two] = [repository("one"), repository("two")];
    const seed = repository("seed");
    const first = await fixture.image(one, "v1", { seed, layers: [1000, 2000] });
    const second = await fixture.image(two, "v1", { seed, layers: [1000, 3000] });
    await pullWhole(cache, `open/${one}`, "v1", first);
    await pullWhole(cache, `open/${two}`, "v1", second);
    expect(await ask("/lifecycle/preview")).toMatchObject({
      examined: 2,
      given: false,
      grace: DAY,
      expired: [],
      images: [],
      bytesFreed: 0,
    });
    const selection = { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 };
    const policy = { rules: [{ rulePriority: 1, selection, action: { type: "expire" } }] };
    const third = await fixture.image(one, "v2", { seed, layers: [1000, 4000] });
    await pullWhole(cache, `open/${one}`, "v2", third);
    const before = await ask("/catalog");
    const preview = await ask("/lifecycle/preview", {
      method: "POST",
      body: JSON.stringify(policy),
    });
    const alone = first.size + first.config.size + 2000;
    expect(preview).toMatchObject({
      examined: 3,
      given: true,
      expired: [{ policy: "given", priority: 1, images: 1 }],
      images: [
        {
          name: `open/${one}`,
          digest: first.digest,
          tags: ["v1"],
          size: alone + 1000,
          reason: "image 2 of 2, newest first; 1 are kept",
        },
      ],
      more: 0,
      bytesFreed: alone,
    });
    const byQuery = await ask(
      `/lifecycle/preview?policy=${encodeURIComponent(JSON.stringify(policy))}`,
    );
    expect({ ...byQuery, now: "" }).toEqual({ ...preview, now: "" });
    // Of one that does not speak of the repository, nothing.
    const other = { ...policy, repositories: ["another/*"] };
    expect(
      await ask("/lifecycle/preview", { method: "POST", body: JSON.stringify([other]) }),
    ).toMatchObject({
      examined: 3,
      images: [],
    });
    expect(await ask("/catalog")).toEqual(before);
    expect(((await ask("/lifecycle/events")) as { events: object[] }).events).toEqual([]);
  });
});

describe("a run", () => {
  it("is started, answered and listed, with its events", async () => {
    const cache = cacheApart({}, { ADMIN_TOKEN: TOKEN, LIFECYCLE: counting() });
    const ask = (path: string, init?: RequestInit) => answerOf(cache, path, init);
    const name = repository("runs");
    for (const tag of ["v1", "v2"]) {
      const image = await fixture.image(name, tag, { seed: repository("seed") });
      await pullWhole(cache, `open/${name}`, tag, image);
    }
    const { body: run } = await ask("/lifecycle/runs", { method: "POST" });
    expect(run).toMatchObject({
      trigger: "request",
      unfinished: false,
      expired: [{ policy: "LIFECYCLE", priority: 7, images: 1 }],
    });
    expect((await ask("/lifecycle/runs?n=1")).body.runs).toEqual([run]);
    const { body: page, link } = await ask("/lifecycle/events?n=1");
    expect(page).toMatchObject({
      events: [{ what: "expired", policy: "LIFECYCLE", priority: 7 }],
      next: expect.stringMatching(/^\/api\/lifecycle\/events\?n=1&before=\d+$/),
    });
    expect(link).toBe(`<${page.next}>; rel="next"`);
    const rebuilt = await ask("/catalog/rebuild?fresh=true", { method: "POST" });
    expect(rebuilt.body).toMatchObject({ done: true });
    expect((await ask("/catalog")).body.reconciledAt).toBeDefined();
  });
});

function counting() {
  const selection = { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 };
  return { rules: [{ rulePriority: 7, selection, action: { type: "expire" } }] };
}
