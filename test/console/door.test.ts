// The console's door: who is let in, for how long, and what a browser is not led to do by another site.

import { afterEach, describe, expect, it, vi } from "vitest";
import { ADMIN, bearer, shut, shutCache, VIEWER } from "../support/access.ts";
import { Browser, ORIGIN, wordsOf } from "../support/browser.ts";
import { Cache } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { TestIssuer } from "../support/issuer.ts";

const HOUR = 60 * 60_000;
const HTML = { Accept: "text/html" };
const OTHER = { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a browser without a session", () => {
  it("is redirected to the sign-in page, and back to the requested page after it", async () => {
    const cache = shutCache();
    const response = await cache.ask(`${ORIGIN}/images?q=alpine`, {
      headers: HTML,
      redirect: "manual",
    });
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/sign-in?to=%2Fimages%3Fq%3Dalpine");
    const browser = new Browser(cache);
    await browser.open("/images?q=alpine");
    await browser.send("/sign-in", { token: ADMIN, to: "/images?q=alpine" });
    expect(browser.path).toBe("/images?q=alpine");
  });

  it.each(["//evil.example", "https://evil.example", "/\\evil.example", "x"])(
    "is redirected to no other host by %s",
    async (to) => {
      const browser = new Browser(shutCache());
      const response = await browser.once("POST", "/sign-in", { fields: { token: ADMIN, to } });
      expect(response.headers.get("location")).toBe("/");
    },
  );

  it("a program gets JSON", async () => {
    const response = await shutCache().ask(`${ORIGIN}/images`);
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toBe("application/json");
  });

  it("is refused with another token and with a forged one", async () => {
    const cache = shutCache();
    const browser = new Browser(cache);
    const wrong = await browser.send("/sign-in", {
      token: "an-admin-token-of-nobody-0123",
      to: "/",
    });
    expect(wrong.status).toBe(401);
    const words = await wordsOf(wrong);
    expect(words).toContain("wrong admin token");
    expect(words).not.toContain("of-nobody");
    const part = (value: object) => btoa(JSON.stringify(value)).replaceAll("=", "");
    const forged = `${part({ alg: "none" })}.${part({ role: "admin", aud: "entrepot-console" })}.`;
    const headers = { ...HTML, Cookie: `__Host-entrepot=${forged}` };
    const response = await cache.ask(`${ORIGIN}/tokens`, { headers, redirect: "manual" });
    expect(response.status).toBe(303);
  });

  it("is limited after too many wrong tokens", async () => {
    const limit = vi.fn(async () => ({ success: false }));
    const browser = new Browser(shutCache({ LOGINS: { limit } }));
    const response = await browser.send("/sign-in", { token: "x".repeat(20), to: "/" });
    expect(response.status).toBe(429);
    expect(limit).toHaveBeenCalledOnce();
  });

  it("cannot be signed in by another site", async () => {
    const browser = new Browser(shutCache());
    const response = await browser.send("/sign-in", { token: ADMIN, to: "/" }, OTHER);
    expect([response.status, browser.cookies]).toEqual([403, ""]);
  });
});

describe("a session", () => {
  it("is a cookie that no script reads and no other host gets", async () => {
    const browser = new Browser(shutCache());
    const response = await browser.once("POST", "/sign-in", { fields: { token: ADMIN, to: "/" } });
    const cookie = response.headers.getSetCookie()[0] ?? "";
    expect(cookie).toMatch(
      /^__Host-entrepot=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200; Secure$/,
    );
    expect(cookie).not.toContain(ADMIN);
  });

  it("opens pages and the API, until it is signed out", async () => {
    const cache = shutCache();
    const browser = new Browser(cache);
    await browser.signIn(ADMIN);
    const api = () => cache.ask(`${ORIGIN}/api/about`, { headers: { Cookie: browser.cookies } });
    expect(((await (await api()).json()) as { you: object }).you).toEqual({
      who: "the admin token",
      role: "admin",
    });
    await browser.send("/sign-out", {});
    expect(browser.path).toBe("/sign-in");
    expect((await api()).status).toBe(401);
  });

  it("ends after twelve hours, and with the secret that it was begun with", async () => {
    const cache = shutCache();
    const browser = new Browser(cache);
    await browser.signIn(ADMIN);
    later(11 * HOUR);
    expect((await browser.once("GET", "/tokens", {})).status).toBe(200);
    const changed = shutCache({ ADMIN_TOKEN: "another-admin-token-of-the-tests" });
    const headers = { ...HTML, Cookie: browser.cookies };
    const response = await changed.ask(`${ORIGIN}/tokens`, { headers, redirect: "manual" });
    expect(response.status).toBe(303);
    later(HOUR + 60_000);
    expect((await browser.once("GET", "/tokens", {})).status).toBe(303);
  });

  const revoking = { fields: { id: "none" } };
  const token = (cache: Cache, headers: Record<string, string>) =>
    cache.ask(`${ORIGIN}/api/tokens`, {
      method: "POST",
      headers,
      body: JSON.stringify({ name: "x", repositories: ["none/**"] }),
    });

  it("changes nothing for another site, nor without a header that names the site", async () => {
    const cache = shutCache();
    const browser = new Browser(cache);
    await browser.signIn(ADMIN);
    const forms = [OTHER, { ...OTHER, "Sec-Fetch-Site": "same-site" }, { Origin: "null" }];
    for (const headers of forms)
      expect((await browser.once("POST", "/tokens/revoke", { ...revoking, headers })).status).toBe(
        403,
      );
    const Cookie = browser.cookies;
    expect((await token(cache, { Cookie })).status).toBe(403);
    expect((await token(cache, { Cookie, ...OTHER })).status).toBe(403);
    expect((await token(cache, { Cookie, Origin: ORIGIN })).status).toBe(201);
  });

  it("of the viewer reads everything, and changes nothing", async () => {
    const browser = new Browser(shutCache());
    await browser.signIn(VIEWER);
    const page = await (await browser.open("/tokens")).text();
    expect(page).toContain("read-only");
    expect(page).not.toContain("/tokens/new");
    const refused = await browser.send("/tokens/revoke", revoking.fields);
    expect(refused.status).toBe(403);
    expect(await wordsOf(refused)).toContain("viewers may read, but not change anything");
    expect((await browser.send("/lifecycle/preview", { json: "[]", do: "preview" })).status).toBe(
      200,
    );
  });
});

describe("a user of Cloudflare Access", () => {
  it("signs in behind Access, and is recognised on the console's pages by the cookie", async () => {
    const issuer = await new TestIssuer().start();
    await issuer.page("keys", issuer.jwks);
    const access = {
      team: issuer.url,
      audience: "aud-tag",
      admins: ["*@acme.example"],
      viewers: [],
    };
    const team = new Cache({
      ...shut(),
      AUTH: { mode: "token", access },
      ADMIN_TOKEN: "",
      VIEWER_TOKEN: "",
    });
    const browser = new Browser(team);
    const page = await (await browser.open("/tokens")).text();
    expect(page).toContain('href="/api/sign-in?to=%2Ftokens"');
    expect(page).not.toContain('type="password"');
    const assertion = await issuer.sign({ aud: ["aud-tag"], email: "me@acme.example" });
    const response = await browser.once("GET", "/api/sign-in?to=%2Ftokens", {
      headers: { "Cf-Access-Jwt-Assertion": assertion },
    });
    expect([response.status, response.headers.get("location")]).toEqual([303, "/tokens"]);
    expect((await browser.once("GET", "/api/sign-in?to=%2Ftokens", {})).status).toBe(401);
    const cookie = (of: string) => ({ Cookie: `CF_Authorization=${of}` });
    const open = (headers: Record<string, string>, method = "GET") =>
      browser.once(method, "/tokens/revoke?id=none", {
        headers,
        ...(method === "POST" && { fields: {} }),
      });
    expect(await wordsOf(await open(cookie(assertion)))).toContain("me@acme.example");
    expect((await open({ ...cookie(assertion), ...OTHER }, "POST")).status).toBe(403);
    expect((await open(cookie(assertion), "POST")).status).toBe(404);
    const stranger = await issuer.sign({ aud: ["aud-tag"], email: "me@evil.example" });
    expect((await open(cookie(stranger))).status).toBe(403);
    // Of a cache that does not know of Access it is no cookie at all.
    const other = await shutCache().ask(`${ORIGIN}/api/tokens`, { headers: cookie(assertion) });
    expect(other.status).toBe(401);
  });
});

describe("a cache without an admin or viewer token", () => {
  it("explains the setting to a browser, and answers other requests 404", async () => {
    const cache = new Cache();
    const page = await cache.ask(`${ORIGIN}/`, { headers: HTML });
    expect(page.status).toBe(404);
    expect(await wordsOf(page)).toContain("npx wrangler secret put ADMIN_TOKEN");
    const other = await cache.ask(`${ORIGIN}/`);
    expect(other.status).toBe(404);
    expect(await other.json()).toMatchObject({ errors: [{ code: "UNSUPPORTED" }] });
  });

  it("npm start signs this machine in, also by a link, and no page of another site", async () => {
    const cache = new Cache({ LOCAL_ADMIN: "true" });
    const ask = (headers: Record<string, string>, method = "GET", path = "/") =>
      cache.ask(`http://127.0.0.1:8787${path}`, { method, headers: { ...HTML, ...headers } });
    expect((await ask({})).status).toBe(200);
    const link = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" };
    expect((await ask(link)).status).toBe(200);
    expect((await ask({ ...link, "Sec-Fetch-Mode": "no-cors" })).status).toBe(404);
    expect((await ask({ ...link, ...OTHER }, "POST", "/lifecycle/run")).status).toBe(404);
    const rebound = await cache.ask("http://evil.example:8787/", { headers: HTML });
    expect(rebound.status).toBe(403);
  });
});

describe("pages and files for browsers", () => {
  const PATHS = ["/", "/images", "/upstreams", "/rules/new", "/lifecycle", "/lifecycle/policy"];
  const MORE = [
    "/prewarm",
    "/prewarm/new",
    "/tokens",
    "/events",
    "/explain",
    "/setup",
    "/guide",
    "/docs",
  ];

  it.each([
    ...PATHS,
    ...MORE,
    "/sign-in",
    "/quarantine",
    "/allowances",
    "/webhooks",
    "/vulnerabilities",
    "/held",
  ])("%s runs no script but our file", async (path) => {
    const browser = new Browser(shutCache());
    await browser.signIn(ADMIN);
    const response = await browser.open(path);
    expect([path, response.status]).toEqual([path, 200]);
    const policy = response.headers.get("content-security-policy") ?? "";
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "form-action 'self'",
    ])
      expect(policy).toContain(part);
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const page = await response.text();
    expect(page).not.toMatch(/<script(?! src="\/assets\/)/);
    expect(page).not.toMatch(/ style=| on[a-z]+="|<style|javascript:/);
    // No request goes to another host.
    expect(page.replace(/<(pre|code|textarea)[\s\S]*?<\/\1>/g, "")).not.toMatch(
      /(src|href|action)="(https?:)?\/\//,
    );
  });

  it("styles and scripts are cached without limit, under a name with their digest", async () => {
    const cache = shutCache();
    const page = await (await cache.ask(`${ORIGIN}/sign-in`, { headers: HTML })).text();
    const paths = [...page.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path as string);
    expect(new Set(paths.map((path) => path.split("?")[0])).size).toBe(3);
    for (const path of paths) {
      const response = await cache.ask(ORIGIN + path);
      expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect((await response.text()).length).toBeGreaterThan(200);
      const other = await cache.ask(`${ORIGIN}${path.split("?")[0]}?other`);
      expect(other.headers.get("cache-control")).toBe("no-cache");
    }
    expect((await cache.ask(`${ORIGIN}/assets/none.js`)).status).toBe(404);
  });

  it("the admin token opens pages by itself too, for programs without cookies", async () => {
    const response = await shutCache().ask(`${ORIGIN}/tokens`, {
      headers: { ...HTML, ...bearer(ADMIN) },
    });
    expect(response.status).toBe(200);
  });
});
