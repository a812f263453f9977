// How a request came: https, http on this machine, and http from elsewhere, where others read and change it.

import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN, basic, bearer, pullToken, shutCache } from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";

const OPEN = { mode: "open", acknowledgeOpen: true };
const HTML = { Accept: "text/html,*/*" };
const SECRET_HOST = "0123456789abcdef0123456789abcdef.internal";
const upstream = fixture.url("open");
const name = repository("plain");

beforeAll(async () => {
  await fixture.image(name, "1");
});

/** Nothing that a browser or a client would keep, or follow with a secret. */
function expectNothing(response: Response): void {
  expect(response.headers.getSetCookie()).toEqual([]);
  expect(response.headers.get("www-authenticate")).toBeNull();
  expect(response.headers.get("strict-transport-security")).toBeNull();
}

const PATHS: [string, string][] = [
  ["GET", "/v2/"],
  ["GET", `/v2/open/${name}/manifests/1`],
  ["HEAD", `/v2/open/${name}/manifests/1`],
  ["GET", "/token"],
  ["POST", "/token"],
  ["GET", "/api/about"],
  ["DELETE", "/api/tokens/x"],
  ["GET", "/metrics"],
  ["GET", "/setup"],
  ["GET", "/"],
  ["GET", "/assets/console.css"],
  ["POST", "/sign-in"],
  ["POST", "/sign-out"],
  ["POST", "/tokens/revoke"],
];
const HOSTS = [
  "cache.example",
  "192.168.0.7:8787",
  "host.docker.internal:8787",
  "evil.example:8787",
  "[2001:db8::1]",
];

describe.each([
  ["shut", () => shutCache()],
  ["open", () => new Cache({ AUTH: OPEN, LOCAL_ADMIN: "true" })],
  ["unusable", () => new Cache({ AUTH: "nonsense" })],
])("a cache that is %s", (_, cacheOf) => {
  it("refuses http from other machines with the reason, for every path and client", async () => {
    const cache = cacheOf();
    for (const host of HOSTS)
      for (const [method, path] of PATHS)
        for (const headers of [{}, bearer(ADMIN), { "X-Forwarded-Proto": "https" }]) {
          const response = await cache.ask(`http://${host}${path}`, { method, headers });
          expect([host, method, path, response.status]).toEqual([host, method, path, 403]);
          expectNothing(response);
          if (method !== "HEAD") expect(await response.text()).toContain("use https://");
        }
  });

  it("redirects a browser that opens a page to https, and no form and no program", async () => {
    const cache = cacheOf();
    const ask = (path: string, method = "GET") =>
      cache.ask(`http://cache.example${path}`, { method, headers: HTML, redirect: "manual" });
    for (const path of [
      "/",
      "/images?q=a%20b",
      "/sign-in?to=%2Ftokens",
      "/setup",
      "//evil.example/x",
    ])
      for (const method of ["GET", "HEAD"]) {
        const response = await ask(path, method);
        expect([path, response.status]).toEqual([path, 308]);
        expect(response.headers.get("location")).toBe(`https://cache.example${path}`);
        expectNothing(response);
      }
    for (const path of ["/v2/", "/token", "/api/about", "/metrics", "/v2", "/api"])
      expect([path, (await ask(path)).status]).toEqual([path, 403]);
    expect((await ask("/sign-in", "POST")).status).toBe(403);
  });
});

describe("https", () => {
  it("is kept by browsers after every answer", async () => {
    for (const cache of [shutCache(), new Cache({ AUTH: "nonsense" })])
      for (const path of ["/v2/", "/", "/sign-in", "/api/about", "/nothing", "/token"]) {
        const response = await cache.ask(`https://cache.example${path}`);
        expect(response.headers.get("strict-transport-security")).toBe("max-age=31536000");
      }
    const { token } = await pullToken(shutCache(), ["**"]);
    const pulled = await shutCache().fetch(`open/${name}/manifests/1`, { headers: basic(token) });
    expect(pulled.status).toBe(200);
    expect(pulled.headers.get("strict-transport-security")).toBe("max-age=31536000");
  });
});

describe("this machine over http", () => {
  it.each(["127.0.0.1:8787", "localhost:8787", "[::1]:8787", "docker.localhost:8787"])(
    "is answered as before, and says nothing of https to other servers here: %s",
    async (host) => {
      const cache = shutCache();
      const { token } = await pullToken(cache, ["**"]);
      const url = `http://${host}/v2/open/${name}/manifests/1`;
      const challenge = await cache.ask(url);
      expect(challenge.headers.get("www-authenticate")).toContain(`realm="http://${host}/token"`);
      const pulled = await cache.ask(url, { headers: basic(token) });
      expect(pulled.status).toBe(200);
      expect(pulled.headers.get("strict-transport-security")).toBeNull();
      const signed = await cache.ask(`http://${host}/sign-in`, {
        method: "POST",
        redirect: "manual",
        body: new URLSearchParams({ token: ADMIN, to: "/" }),
      });
      expect(signed.headers.getSetCookie()[0]).toMatch(
        /^entrepot=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/,
      );
      const secure = await cache.ask(`https://${host}/v2/`);
      expect(secure.headers.get("strict-transport-security")).toBeNull();
    },
  );
});

describe("insecureHttp", () => {
  const PRIVATE = [
    "host.docker.internal:8787",
    "172.17.0.1:8787",
    "10.0.0.5",
    "192.168.0.7:8787",
    "[fd00::1]:8787",
    "cache:8787",
    "cache.lan",
  ];
  const PUBLIC = [
    "cache.example.com",
    "8.8.8.8:8787",
    "169.254.169.254",
    "0.0.0.0:8787",
    "[2606:4700::1]",
  ];
  const open = () =>
    new Cache({ AUTH: { ...OPEN, insecureHttp: true }, LOCAL_ADMIN: "true", ADMIN_TOKEN: ADMIN });

  it.each(PRIVATE)("gives images to %s, and nothing else", async (host) => {
    const cache = open();
    for (const [method, path] of PATHS) {
      const response = await cache.ask(`http://${host}${path}`, { method, headers: HTML });
      const status = path.startsWith("/v2/") ? 200 : 403;
      expect([method, path, response.status]).toEqual([method, path, status]);
      expectNothing(response);
    }
  });

  it.each(PUBLIC)("does not apply to %s", async (host) => {
    expect((await open().ask(`http://${host}/v2/`)).status).toBe(403);
  });

  it("takes no credentials, good or not, and asks for none", async () => {
    const { token } = await pullToken(shutCache(), ["**"]);
    const cache = shutCache(
      {
        RULES: [
          { prefix: "pub", upstream, anonymous: true },
          { prefix: "own-images", upstream },
          { prefix: "near", upstream, networks: ["10.0.0.0/8"] },
          { prefix: "hidden", upstream, secretHost: SECRET_HOST },
        ],
      },
      { insecureHttp: true },
    );
    const at = "http://host.docker.internal:8787";
    const ask = async (path: string, headers: Record<string, string> = {}, origin = at) => {
      const response = await cache.ask(`${origin}/v2/${path}`, { headers });
      expectNothing(response);
      return response.status;
    };
    expect(await ask("")).toBe(200);
    expect(await ask(`pub/${name}/manifests/1`)).toBe(200);
    expect(await ask(`near/${name}/manifests/1`, { "CF-Connecting-IP": "10.1.2.3" })).toBe(200);
    expect(await ask(`near/${name}/manifests/1`)).toBe(403);
    expect(await ask(`own-images/${name}/manifests/1`)).toBe(403);
    expect(await ask(`own-images/${name}/manifests/1?ns=x`)).toBe(403);
    // A secret host's name was readable by every network on the way.
    expect(await ask(`hidden/${name}/manifests/1`, {}, `http://${SECRET_HOST}`)).toBe(403);
    expect((await cache.ask(`https://${SECRET_HOST}/v2/hidden/${name}/manifests/1`)).status).toBe(
      200,
    );
    for (const headers of [
      basic(token),
      bearer(token),
      basic("wrong"),
      { "Cf-Access-Jwt-Assertion": "x.y.z" },
      { Cookie: "entrepot=x" },
    ])
      for (const path of ["", `pub/${name}/manifests/1`, `own-images/${name}/manifests/1`])
        expect(await ask(path, headers)).toBe(403);
    expect(
      (
        await cache.ask(`https://cache.example/v2/own-images/${name}/manifests/1`, {
          headers: basic(token),
        })
      ).status,
    ).toBe(200);
  });
});
