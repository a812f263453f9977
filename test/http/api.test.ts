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

describe("the door", () => {
  it.each<[string, Record<string, unknown>, string, RequestInit, number]>([
    ["the token", { ADMIN_TOKEN: TOKEN }, THERE, bearer(TOKEN), 200],
    [
      "the token, in another case of its scheme",
      { ADMIN_TOKEN: TOKEN },
      THERE,
      bearer(TOKEN, "bearer"),
      200,
    ],
    ["another token", { ADMIN_TOKEN: TOKEN }, THERE, bearer(`${TOKEN}x`), 401],
    ["the start of the token", { ADMIN_TOKEN: TOKEN }, THERE, bearer(TOKEN.slice(1)), 401],
    ["no token", { ADMIN_TOKEN: TOKEN }, THERE, {}, 401],
    ["an empty token", { ADMIN_TOKEN: TOKEN }, THERE, bearer(""), 401],
    ["another scheme", { ADMIN_TOKEN: TOKEN }, THERE, bearer(TOKEN, "Basic"), 401],
    ["no secret", {}, THERE, bearer(TOKEN), 404],
    ["no secret, and nothing given", {}, THERE, {}, 404],
    ["an empty secret", { ADMIN_TOKEN: "" }, THERE, bearer(""), 404],
    ["a secret that is guessed", { ADMIN_TOKEN: "short" }, THERE, bearer("short"), 500],
    ["npm start, here", { LOCAL_ADMIN: "true" }, HERE, {}, 200],
    ["npm start, by another name", { LOCAL_ADMIN: true }, "http://localhost:8787", {}, 200],
    ["npm start, from elsewhere", { LOCAL_ADMIN: "true" }, "http://192.168.0.7:8787", {}, 403],
    ["npm start, from elsewhere by https", { LOCAL_ADMIN: "true" }, "https://a.lan", {}, 404],
    [
      "npm start, by a name that was bound anew",
      { LOCAL_ADMIN: "true" },
      "http://evil.example:8787",
      {},
      403,
    ],
    [
      "npm start, and another site's page",
      { LOCAL_ADMIN: "true" },
      HERE,
      { headers: { "Sec-Fetch-Site": "cross-site" } },
      404,
    ],
    [
      "npm start, and a page of this site",
      { LOCAL_ADMIN: "true" },
      HERE,
      { headers: { "Sec-Fetch-Site": "same-origin" } },
      200,
    ],
    [
      "npm start, and another origin",
      { LOCAL_ADMIN: "true" },
      HERE,
      { headers: { Origin: "http://127.0.0.1:3000" } },
      404,
    ],
    [
      "npm start, and its own origin",
      { LOCAL_ADMIN: "true" },
      HERE,
      { headers: { Origin: HERE } },
      200,
    ],
    [
      "npm start, and an opaque origin",
      { LOCAL_ADMIN: "true" },
      HERE,
      { headers: { Origin: "null" } },
      404,
    ],
    ["npm start with a secret", { LOCAL_ADMIN: "true", ADMIN_TOKEN: TOKEN }, HERE, {}, 401],
    ["npm start without saying so", {}, HERE, {}, 404],
  ])("%s", async (_, variables, origin, init, status) => {
    const told = vi.spyOn(console, "log");
    const warned = vi.spyOn(console, "warn");
    const failed = vi.spyOn(console, "error");
    const response = await new Cache(variables).ask(`${origin}/api/lifecycle/runs`, init);
    const text = await response.text();
    expect([response.status, text]).toEqual([status, text]);
    expect(response.headers.get("cache-control")).toBe("no-store");
    if (status === 401)
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="entrepot"');
    const all = JSON.stringify([told, warned, failed].map(({ mock }) => mock.calls)) + text;
    expect(all).not.toContain(TOKEN.slice(1));
  });

  it("is before all that is behind it: without the token everything is the same", async () => {
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

describe("behind it", () => {
  const cache = new Cache({ ADMIN_TOKEN: TOKEN });
  const ask = (path: string, init: RequestInit = {}) =>
    cache.ask(`${THERE}/api${path}`, { ...init, ...bearer(TOKEN) });

  it.each<[string, string, number, string]>([
    ["GET", "/nothing", 404, "there is nothing here"],
    ["DELETE", "/lifecycle/runs", 405, "this takes GET, HEAD, POST"],
    ["POST", "/lifecycle/events", 405, "this takes GET, HEAD"],
    ["GET", "/catalog/rebuild", 405, "this takes POST"],
    ["GET", "/lifecycle/runs?limit=3", 400, "limit: is not a field of this request"],
    ["GET", "/lifecycle/runs?n=0", 400, "n: must be a number from 1 to 1000"],
    ["GET", "/lifecycle/events?before=x", 400, "before: must be a number from 1 to"],
    ["POST", "/lifecycle/runs?force=maybe", 400, "force: must be true or false"],
    ["GET", "/lifecycle/preview?policy={", 400, "policy: is not JSON"],
    ["GET", '/lifecycle/preview?policy={"rules":5}', 400, "policy.rules: must be a list of rules"],
  ])("%s %s: %s", async (method, path, status, message) => {
    const response = await ask(path, { method });
    expect([response.status, await response.text()]).toEqual([
      status,
      expect.stringContaining(message),
    ]);
  });

  it("a policy tells all that is wrong with it", async () => {
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

/** What the API answers, to whoever has the token. */
async function asked(cache: Cache, path: string, init: RequestInit = {}) {
  const response = await cache.ask(`${THERE}/api${path}`, { ...init, ...bearer(TOKEN) });
  const body = (await response.json()) as Record<string, unknown>;
  return { link: response.headers.get("link"), body };
}

describe("a preview", () => {
  it("tells what would expire, why, and what comes free; and changes nothing", async () => {
    const cache = cacheApart({}, { ADMIN_TOKEN: TOKEN });
    const ask = async (path: string, init?: RequestInit) => (await asked(cache, path, init)).body;
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
  it("is asked for, told, and listed; and its events", async () => {
    const cache = cacheApart({}, { ADMIN_TOKEN: TOKEN, LIFECYCLE: counting() });
    const ask = (path: string, init?: RequestInit) => asked(cache, path, init);
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
