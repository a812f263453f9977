// Pulls without login: an open cache, anonymous rules, networks and secret hosts; and the limits on requests.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  basic,
  bearer,
  flow,
  pullToken,
  shut,
  shutCache,
  type TokenAnswer,
} from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const HUB = { Authorization: `Basic ${btoa("hub-user:a-password-of-docker-hub")}` };
const upstream = fixture.url("open");

async function image(hint: string): Promise<string> {
  const name = repository(hint);
  await fixture.image(name, "1");
  return name;
}

describe("an open cache", () => {
  it("without acknowledgeOpen answers every request 500, with the reason", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    for (const AUTH of [{ mode: "open" }, '{"mode":"open","acknowledgeOpen":false}']) {
      const cache = new Cache({ AUTH, ADMIN_TOKEN: "an-admin-token-of-the-tests-01234" });
      for (const path of ["/v2/", "/v2/open/x/manifests/1", "/token", "/api/tokens", "/"]) {
        const response = await cache.ask(`https://cache.example${path}`);
        expect([path, response.status]).toEqual([path, 500]);
        expect(await response.text()).toContain("set acknowledgeOpen = true to confirm");
      }
    }
  });

  it("serves every client, whatever credentials it sends", async () => {
    const name = await image("open");
    const cache = new Cache({ AUTH: { mode: "open", acknowledgeOpen: true } });
    for (const headers of [{}, HUB, bearer("nonsense"), { Authorization: "Negotiate x" }]) {
      expect((await cache.ask("https://cache.example/v2/", { headers })).status).toBe(200);
      expect((await cache.fetch(`open/${name}/manifests/1`, { headers })).status).toBe(200);
    }
    const response = await cache.ask("https://cache.example/token?scope=repository:open/x:pull", {
      headers: HUB,
    });
    expect(response.status).toBe(200);
  });

  it("is not the default: without AUTH a login is required", async () => {
    for (const AUTH of [undefined, "", {}, "{}"]) {
      const cache = new Cache({ AUTH });
      expect((await cache.ask("https://cache.example/v2/")).status).toBe(401);
    }
  });
});

describe("an anonymous rule", () => {
  it("serves every client, unlike the rule beside it; its answers may be kept by shared caches", async () => {
    const name = await image("anonymous");
    const cache = shutCache({
      RULES: [
        { prefix: "pub", upstream, anonymous: true },
        { prefix: "own", upstream },
      ],
    });
    const get = (path: string, headers = {}) => cache.fetch(path, { headers });
    for (const headers of [{}, HUB, bearer("nonsense")]) {
      const response = await get(`pub/${name}/tags/list`, headers);
      expect(response.status).toBe(200);
      expect((await get(`own/${name}/tags/list`, headers)).status).toBe(401);
    }
    const { digest } = await fixture.image(name, "2");
    const free = await get(`pub/${name}/manifests/${digest}`);
    expect(free.headers.get("cache-control")).toMatch(/^public,/);
    const { token } = await pullToken(cache, ["own/**"]);
    const own = await get(`own/${name}/manifests/${digest}`, basic(token));
    expect(own.headers.get("cache-control")).toMatch(/^private,/);
  });

  it("serves clients that request a token first, without credentials and with those of another registry", async () => {
    const name = await image("anonymous");
    const cache = shutCache({
      RULES: [
        { prefix: "pub", upstream, anonymous: true },
        { prefix: "own", upstream },
      ],
    });
    // As podman and docker go about it: they ask /v2/ first, and then for a token.
    expect((await cache.ask("https://cache.example/v2/")).status).toBe(401);
    const scope = `repository:pub/${name}:pull`;
    for (const headers of [{}, HUB]) {
      const response = await cache.ask(
        `https://cache.example/token?service=entrepot&scope=${scope}`,
        { headers },
      );
      expect(response.status).toBe(200);
      const { token } = (await response.json()) as TokenAnswer;
      for (const [path, status] of [
        [`pub/${name}`, 200],
        [`own/${name}`, 401],
      ])
        expect(
          (await cache.fetch(`${path}/manifests/1`, { headers: bearer(token as string) })).status,
        ).toBe(status);
    }
    const both = await cache.ask(
      `https://cache.example/token?scope=${encodeURIComponent(`${scope} repository:own/${name}:pull`)}`,
    );
    expect(((await both.json()) as TokenAnswer).scope).toBe(scope);
  });
});

describe("an allowed network", () => {
  const RULES = [
    { prefix: "own-images", upstream },
    { default: true, upstream, networks: ["10.0.0.0/8", "2001:db8::/32"] },
  ];
  const FROM = { "CF-Connecting-IP": "10.1.2.3" };

  it("serves dockerd, which sends mirrors Docker Hub's login or none", async () => {
    const name = await image("mirror");
    const cache = shutCache({ RULES });
    for (const login of [{}, HUB]) {
      const headers = { ...FROM, ...login };
      expect((await cache.fetch(`${name}/manifests/1`, { headers })).status).toBe(200);
      // It asks for a token with what it has, since /v2/ says so for the sake of those who have one.
      const scope = `repository:${name}:pull`;
      const answer = await cache.ask(`https://cache.example/token?scope=${scope}`, { headers });
      expect(answer.status).toBe(200);
    }
    expect((await cache.fetch(`${name}/manifests/1`, { headers: HUB })).status).toBe(401);
  });

  it("does not keep its clients from logging in for other names", async () => {
    const name = await image("mirror");
    const cache = shutCache({ RULES });
    const { token } = await pullToken(cache, ["own-images/**"]);
    const url = `https://cache.example/v2/own-images/${name}/manifests/1`;
    expect((await cache.ask("https://cache.example/v2/", { headers: FROM })).status).toBe(401);
    expect((await flow(cache, url, basic(token), { from: FROM["CF-Connecting-IP"] })).status).toBe(
      200,
    );
  });

  it("of every rule answers /v2/ at once", async () => {
    const cache = shutCache({ RULES: [{ ...RULES[1] }] });
    expect((await cache.ask("https://cache.example/v2/", { headers: FROM })).status).toBe(200);
    expect((await cache.ask("https://cache.example/v2/")).status).toBe(401);
  });
});

describe("a secret host", () => {
  const SECRET = "f00dfacef00dfacef00dfacef00dface.mirror.example";
  const RULES = [
    { prefix: "own-images", upstream },
    { default: true, upstream, secretHost: SECRET },
  ];

  it("gives its own rule, and no other, to every client that knows the host", async () => {
    const name = await image("secret");
    const cache = shutCache({ RULES });
    for (const host of [SECRET, SECRET.toUpperCase(), `${SECRET}.`, `${SECRET}:8443`]) {
      expect((await cache.ask(`https://${host}/v2/`, { headers: HUB })).status).toBe(200);
      expect(
        (await cache.ask(`https://${host}/v2/${name}/manifests/1`, { headers: HUB })).status,
      ).toBe(200);
    }
    expect((await cache.ask(`https://x${SECRET}/v2/${name}/manifests/1`)).status).toBe(401);
    expect(
      (
        await cache.ask(`https://mirror.example/v2/${name}/manifests/1`, {
          headers: { "X-Forwarded-Host": SECRET },
        })
      ).status,
    ).toBe(401);
  });

  it("is in no error, no log, and no problem of two rules that claim it", async () => {
    const logs = (["log", "warn", "error"] as const).map((how) =>
      vi.spyOn(console, how).mockImplementation(() => {}),
    );
    const cache = shutCache({ RULES });
    const broken = shutCache({
      RULES: [...RULES, { prefix: "again-it", upstream, secretHost: SECRET }],
    });
    const said: string[] = [];
    for (const one of [cache, broken]) {
      for (const path of ["/v2/", "/v2/x/manifests/1", "/token", "/api/tokens"]) {
        const response = await one.ask(`https://cache.example${path}`);
        said.push(JSON.stringify([...response.headers]) + (await response.text()));
      }
    }
    expect(said.join()).toContain("RULES[2].host: this one is already taken");
    expect(said.join() + JSON.stringify(logs.map(({ mock }) => mock.calls))).not.toContain(
      "f00dface",
    );
  });
});

describe("limits", () => {
  it("too many failed logins from an address are 429; valid ones from there pass, and so do other addresses", async () => {
    const name = await image("limited");
    const { LOGINS } = env as unknown as { LOGINS: RateLimit };
    const cache = shutCache({ LOGINS });
    const { token } = await pullToken(cache, ["**"]);
    const address = (last: number) => `2001:db8:${(Date.now() % 0xffff).toString(16)}:${last}::1`;
    const url = `https://cache.example/v2/open/${name}/manifests/1`;
    const ask = (headers: Record<string, string>, from: string) =>
      cache.ask(url, { headers: { ...headers, "CF-Connecting-IP": from } });
    const from = address(1);
    const statuses: number[] = [];
    for (let at = 0; at < 25; at++) statuses.push((await ask(basic(`guess-${at}`), from)).status);
    expect(statuses.slice(0, 15)).toEqual(Array(15).fill(401));
    expect(statuses.at(-1)).toBe(429);
    const limited = await ask(bearer("guess"), `${from.slice(0, -1)}2`); // the same /64
    expect(limited.status).toBe(429);
    expect(limited.headers.get("retry-after")).toBe("60");
    expect(await limited.text()).toContain("TOOMANYREQUESTS");
    expect((await ask(basic(token), from)).status).toBe(200);
    expect((await ask({}, from)).status).toBe(401);
    expect((await ask(basic("guess"), address(2))).status).toBe(401);
    const admin = await cache.ask("https://cache.example/api/tokens", {
      headers: { ...bearer("a-wrong-admin-token"), "CF-Connecting-IP": from },
    });
    expect(admin.status).toBe(429);
  });

  it("an expired token, or one of another cache, is no failed login", async () => {
    const limit = vi.fn(async () => ({ success: false }));
    const cache = shutCache({ LOGINS: { limit } });
    const { token } = await pullToken(shutCache(), ["**"], { networks: ["192.0.2.0/24"] });
    expect((await cache.fetch("open/x/manifests/1", { headers: basic(token) })).status).toBe(401);
    expect(limit).not.toHaveBeenCalled();
  });

  it("too many requests of an identity are 429; each has its own, whatever the address", async () => {
    const name = await image("busy");
    const counts = new Map<string, number>();
    const REQUESTS = {
      limit: async ({ key }: { key: string }) => {
        counts.set(key, (counts.get(key) ?? 0) + 1);
        return { success: (counts.get(key) ?? 0) <= 3 };
      },
    };
    const cache = shutCache({ REQUESTS });
    const [one, two] = [await pullToken(cache, ["**"]), await pullToken(cache, ["**"])];
    const ask = async (token: string) =>
      (
        await cache.fetch(`open/${name}/manifests/1`, {
          headers: { ...basic(token), "CF-Connecting-IP": "10.0.0.1" },
        })
      ).status;
    // The platform is asked for every hundredth request of an identity.
    for (let at = 1; at < 400; at++) expect(await ask(one.token)).toBe(200);
    expect(await ask(one.token)).toBe(429);
    expect(await ask(one.token)).toBe(429);
    expect([...counts.values()]).toEqual([4]);
    expect(await ask(two.token)).toBe(200);
    expect([...counts.keys()].join()).not.toContain("entrepot_");
    // containerd asks a mirror that says 429 five times at once; 503 has it go on.
    const response = await cache.fetch(`open/${name}/manifests/1?ns=x`, {
      headers: basic(one.token),
    });
    expect(response.status).toBe(503);
    later(10_001);
    expect(await ask(one.token)).toBe(200);
  });

  it("too many token requests where no token is required are 429", async () => {
    const cache = shutCache({
      RULES: [{ prefix: "pub", upstream, anonymous: true }],
      REQUESTS: { limit: async () => ({ success: false }) },
    });
    const ask = async () =>
      (await cache.ask("https://cache.example/token?scope=repository:pub/x:pull")).status;
    for (let at = 1; at < 100; at++) expect(await ask()).toBe(200);
    expect(await ask()).toBe(429);
  });

  it("a thousand nodes behind one address pull undisturbed", async () => {
    const name = await image("crowd");
    const { LOGINS, REQUESTS } = env as unknown as { LOGINS: RateLimit; REQUESTS: RateLimit };
    const cache = new Cache({ ...shut(), LOGINS, REQUESTS });
    const { token } = await pullToken(cache, ["**"]);
    const headers = { ...basic(token), "CF-Connecting-IP": "198.51.100.1" };
    const statuses = new Set<number>();
    for (let at = 0; at < 20; at++) {
      const some = Array.from({ length: 50 }, () =>
        cache.fetch(`open/${name}/manifests/1`, { headers }),
      );
      for (const { status } of await Promise.all(some)) statuses.add(status);
    }
    expect(statuses).toEqual(new Set([200]));
  });

  it("a limiter that cannot count refuses no request", async () => {
    const name = await image("uncounted");
    vi.spyOn(console, "error").mockImplementation(() => {});
    const limit = () => Promise.reject(new Error("out of order"));
    const cache = shutCache({ LOGINS: { limit }, REQUESTS: { limit } });
    const { token } = await pullToken(cache, ["**"]);
    expect((await cache.fetch(`open/${name}/manifests/1`, { headers: basic(token) })).status).toBe(
      200,
    );
    expect((await cache.fetch(`open/${name}/manifests/1`, { headers: basic("no") })).status).toBe(
      401,
    );
    const none = shutCache({ LOGINS: undefined, REQUESTS: undefined });
    expect((await none.fetch(`open/${name}/manifests/1`, { headers: basic(token) })).status).toBe(
      200,
    );
  });
});
