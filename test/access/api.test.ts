// Those who administer: their roles, the pull tokens that they make, and the record of what they do.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import {
  ADMIN,
  api,
  basic,
  bearer,
  pullToken,
  shut,
  shutCache,
  VIEWER,
} from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { TestIssuer } from "../support/issuer.ts";

const { ACCESS } = env as unknown as Env;
const cache = shutCache();
const name = repository("made");
const url = `https://cache.example/v2/open/${name}/manifests/1`;

beforeAll(async () => {
  await fixture.image(name, "1");
});

afterEach(() => {
  vi.restoreAllMocks();
});

const body = async <T = Record<string, unknown>>(response: Response | Promise<Response>) =>
  (await (await response).json()) as T;
interface Told {
  id: string;
  state: string;
  usedAt?: string;
}
const listed = async (id: string) =>
  (await body<{ tokens: Told[] }>(api(cache, "GET", "tokens"))).tokens.find((one) => one.id === id);

describe("a pull token", () => {
  it("is shown once, known by its prefix and checksum, and kept as a hash alone", async () => {
    const made = await pullToken(cache, ["open/**"]);
    expect(made.token).toMatch(/^entrepot_[0-9A-Za-z]{49}$/);
    expect(JSON.stringify(await body(api(cache, "GET", "tokens")))).not.toContain(made.token);
    const stored = await runInDurableObject(
      ACCESS.get(ACCESS.idFromName("access")),
      (_, { storage }) =>
        JSON.stringify(
          ["tokens", "secrets", "actions"].map((table) =>
            storage.sql.exec(`SELECT * FROM ${table}`).toArray(),
          ),
        ),
    );
    expect(stored).toContain(made.id);
    expect(stored).not.toContain(made.token.slice("entrepot_".length));
  });

  it("is listed with its repositories, its creator, its last use and its end", async () => {
    const networks = ["192.0.2.0/24", "2001:db8::1"];
    const made = await pullToken(cache, [`open/${name}`, "quay.io/**"], {
      expiry: "90d",
      networks,
    });
    const token = await listed(made.id);
    expect(token).toEqual({
      id: made.id,
      name: "a test's",
      repositories: [`open/${name}`, "quay.io/**"],
      networks,
      state: "valid",
      createdAt: expect.any(String),
      createdBy: "the admin token",
      expiresAt: expect.any(String),
    });
    const from = (address: string) => ({ ...basic(made.token), "CF-Connecting-IP": address });
    for (const [address, status] of [
      ["192.0.2.255", 200],
      ["2001:db8::1", 200],
      ["::ffff:192.0.2.9", 200],
      ["192.0.3.0", 401],
      ["2001:db8::2", 401],
      ["nonsense", 401],
    ] as const)
      expect([address, (await cache.ask(url, { headers: from(address) })).status]).toEqual([
        address,
        status,
      ]);
    // What a client says of where it comes from counts for nothing.
    const forged = {
      ...basic(made.token),
      "X-Forwarded-For": "192.0.2.9",
      "X-Real-IP": "192.0.2.9",
    };
    expect((await cache.ask(url, { headers: forged })).status).toBe(401);
    expect((await listed(made.id))?.usedAt).toEqual(expect.any(String));
  });

  it("ends when it expires or is revoked; the list says which", async () => {
    const [short, other] = [
      await pullToken(cache, ["**"], { expiry: "1h" }),
      await pullToken(cache, ["**"]),
    ];
    const revoked = await api(cache, "DELETE", `tokens/${other.id}`);
    expect(await body(revoked)).toMatchObject({ state: "revoked", revokedBy: "the admin token" });
    expect((await api(cache, "DELETE", `tokens/${other.id}`)).status).toBe(200); // again
    expect((await cache.ask(url, { headers: basic(other.token) })).status).toBe(401);
    later(61 * 60_000);
    expect((await listed(short.id))?.state).toBe("expired");
    expect((await shutCache().ask(url, { headers: basic(short.token) })).status).toBe(401);
    expect((await api(cache, "DELETE", "tokens/nothing")).status).toBe(404);
  });

  it.each<{ title: string; given: unknown; message: string }>([
    { title: "no name", given: { repositories: ["**"] }, message: "name: must be a name" },
    {
      title: "an empty name",
      given: { name: "", repositories: ["**"] },
      message: "name: must be a line",
    },
    {
      title: "no repositories",
      given: { name: "x" },
      message: "repositories: must be a list of globs",
    },
    {
      title: "an empty list",
      given: { name: "x", repositories: [] },
      message: "repositories: must contain at least one glob",
    },
    {
      title: "a tag",
      given: { name: "x", repositories: ["a:b"] },
      message: "repositories[0]: must be a glob over names, without a tag",
    },
    {
      title: "a bracket",
      given: { name: "x", repositories: ["a[b"] },
      message: "repositories[0]: has an unbalanced bracket",
    },
    {
      title: "a network that is none",
      given: { name: "x", repositories: ["**"], networks: ["10.0.0.0/33"] },
      message: "networks[0]: must be a network",
    },
    {
      title: "a network cut short",
      given: { name: "x", repositories: ["**"], networks: ["10/8"] },
      message: "networks[0]: must be a network",
    },
    {
      title: "an end in the past",
      given: { name: "x", repositories: ["**"], expiry: "2020-01-01T00:00:00Z" },
      message: "expiry: must be a time to come",
    },
    {
      title: "an end that is none",
      given: { name: "x", repositories: ["**"], expiry: "soon" },
      message: "expiry: must be a time to come",
    },
    {
      title: "a field that is none",
      given: { name: "x", repositories: ["**"], admin: true },
      message: "admin: is not a field of a pull token",
    },
    { title: "no JSON", given: undefined, message: "the body must be JSON" },
  ])("with $title is refused", async ({ given, message }) => {
    const response = await api(cache, "POST", "tokens", given);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(message);
  });
});

it("a refusal names the fault, and does not repeat a long input", async () => {
  const repositories = Array(150).fill("Not A Glob");
  const fields = { [`field-${"x".repeat(50_000)}`]: 1 };
  for (const given of [
    { name: "x", repositories },
    { name: "x", repositories: ["**"], ...fields },
  ]) {
    const response = await api(cache, "POST", "tokens", given);
    expect(response.status).toBe(400);
    expect((await response.text()).length).toBeLessThan(4000);
  }
});

describe("a role", () => {
  /** `viewer` is the status that a viewer gets. */
  const operations: { method: string; path: string; given?: unknown; viewer: number }[] = [
    { method: "GET", path: "tokens", viewer: 200 },
    { method: "GET", path: "audit", viewer: 200 },
    { method: "GET", path: "catalog", viewer: 200 },
    { method: "GET", path: "lifecycle/runs", viewer: 200 },
    { method: "POST", path: "lifecycle/preview", viewer: 200 },
    {
      method: "POST",
      path: "tokens",
      given: { name: "x", repositories: ["nothing"] },
      viewer: 403,
    },
    { method: "DELETE", path: "tokens/nothing", viewer: 403 },
    { method: "POST", path: "keys/rotate", viewer: 403 },
    { method: "POST", path: "lifecycle/runs", viewer: 403 },
    { method: "POST", path: "catalog/rebuild", viewer: 403 },
  ];

  it("viewer may read, and gets 403 for every change", async () => {
    for (const { method, path, given, viewer } of operations) {
      const response = await api(cache, method, path, given, bearer(VIEWER));
      expect([path, response.status]).toEqual([path, viewer]);
      if (viewer === 403) expect(await response.text()).toContain("/guide/api#forbidden");
    }
  });

  it("without an admin or viewer token is 401, also with a pull token", async () => {
    const { token } = await pullToken(cache, ["**"]);
    for (const headers of [{}, bearer("wrong"), bearer(token), basic(ADMIN)]) {
      for (const { method, path, given } of operations)
        expect((await api(cache, method, path, given, headers)).status).toBe(401);
    }
  });

  it("admin pulls nothing: an admin token in a pull secret is refused", async () => {
    for (const headers of [basic(ADMIN), bearer(ADMIN)])
      expect((await cache.ask(url, { headers })).status).toBe(401);
  });

  it("of a Cloudflare Access user is that of the list which names the user", async () => {
    const issuer = await new TestIssuer().start();
    const origin = new URL(issuer.url).origin;
    // A team's keys are at its host: here, under the fixture's one path for them.
    await issuer.page("keys", issuer.jwks);
    const access = {
      team: issuer.url,
      audience: "aud-tag",
      admins: ["*@acme.example"],
      viewers: ["*.access"],
    };
    const team = new Cache({ ...shut(), AUTH: { mode: "token", access }, ADMIN_TOKEN: "" });
    expect(origin).toContain("127.0.0.1");
    const as = async (claims: object, more: Record<string, string> = {}) => ({
      "Cf-Access-Jwt-Assertion": await issuer.sign({ aud: ["aud-tag"], ...claims }),
      ...more,
    });
    const token = { name: "x", repositories: ["nothing"] };
    const admin = await as({ email: "Me@Acme.example" });
    expect((await api(team, "GET", "tokens", undefined, admin)).status).toBe(200);
    const made = await api(team, "POST", "tokens", token, admin);
    expect(await body(made)).toMatchObject({ createdBy: "me@acme.example" });
    const viewer = await as({ sub: "", common_name: "0123.access" });
    expect((await api(team, "GET", "tokens", undefined, viewer)).status).toBe(200);
    expect((await api(team, "POST", "tokens", token, viewer)).status).toBe(403);
    const stranger = await as({ email: "me@acme.example.evil" });
    expect((await api(team, "GET", "tokens", undefined, stranger)).status).toBe(403);
    const elsewhere = await as({ email: "me@acme.example", aud: ["other"] });
    expect((await api(team, "GET", "tokens", undefined, elsewhere)).status).toBe(401);
    expect(
      (await api(team, "GET", "tokens", undefined, { "Cf-Access-Jwt-Assertion": "x.y.z" })).status,
    ).toBe(401);
    for (const foreign of [
      { Origin: "https://evil.example" },
      { "Sec-Fetch-Site": "cross-site" },
      { Origin: "null" },
    ]) {
      const headers = await as({ email: "me@acme.example" }, foreign);
      expect((await api(team, "POST", "tokens", token, headers)).status).toBe(403);
    }
    const own = await as(
      { email: "me@acme.example" },
      { Origin: "https://cache.example", "Sec-Fetch-Site": "same-origin" },
    );
    expect((await api(team, "POST", "tokens", token, own)).status).toBe(201);
  });
});

describe("the record", () => {
  it("has who did what and when, and no token text", async () => {
    const made = await pullToken(cache, ["open/**"]);
    await api(cache, "DELETE", `tokens/${made.id}`);
    await api(cache, "POST", "lifecycle/runs?force=true");
    await api(cache, "POST", "keys/rotate");
    const { actions, next } = await body<{
      actions: { who: string; what: string; at: string }[];
      next: string;
    }>(api(cache, "GET", "audit?n=4"));
    expect(actions.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^created a new signing key/),
      "ran a sweep with force",
      expect.stringContaining(`revoked the pull token "a test's" (${made.id})`),
      expect.stringContaining(`created the pull token "a test's" (${made.id}) for open/**`),
    ]);
    expect(new Set(actions.map(({ who }) => who))).toEqual(new Set(["the admin token"]));
    expect(JSON.stringify(actions)).not.toContain(made.token);
    expect(next).toMatch(/^\/api\/audit\?n=4&before=\d+$/);
  });

  it("is written first: an action that cannot be recorded is not done", async () => {
    const { ACCESS: access } = env as unknown as Env;
    const deaf = shutCache({
      ACCESS: {
        idFromName: () => "",
        get: () =>
          new Proxy(access.get(access.idFromName("access")), {
            get: (target, method) =>
              method === "note"
                ? async () => ({ error: { code: "UNKNOWN", message: "no" } })
                : Reflect.get(target, method),
          }),
      },
    });
    const runs = async () =>
      (await body<{ runs: unknown[] }>(api(cache, "GET", "lifecycle/runs"))).runs.length;
    const before = await runs();
    expect((await api(deaf, "POST", "lifecycle/runs")).status).toBe(500);
    expect(await runs()).toBe(before);
  });
});

it("API answers do nothing in a browser", async () => {
  for (const response of [
    await api(cache, "GET", "tokens"),
    await api(cache, "GET", "tokens", undefined, {}),
  ]) {
    expect(response.headers.get("content-security-policy")).toBe(
      "default-src 'none'; frame-ancestors 'none'",
    );
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("cache-control")).toBe("no-store");
  }
});
