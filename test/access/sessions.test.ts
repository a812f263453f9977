// Sessions of the console: what they are signed with and bound to, and how they end before their time.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { decodeJwt, SignJWT } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { ADMIN, access, api, bearer, shut, shutCache, VIEWER } from "../support/access.ts";
import { Browser, ORIGIN } from "../support/browser.ts";
import { Cache } from "../support/cache.ts";
import { cliOf } from "../support/cli.ts";
import { later } from "../support/clock.ts";

const HOUR = 60 * 60_000;

afterEach(() => {
  vi.restoreAllMocks();
});

async function signedIn(cache: Cache, token = ADMIN): Promise<Browser> {
  const browser = new Browser(cache);
  await browser.signIn(token);
  return browser;
}

const status = async (cache: Cache, cookies: string, path = "/api/tokens") =>
  (await cache.ask(ORIGIN + path, { headers: { Cookie: cookies } })).status;
const textOf = (browser: Browser) => browser.cookies.replace("__Host-entrepot=", "");

interface Told {
  id: string;
  role: string;
  yours: boolean;
}
const listed = async (cache: Cache, headers?: Record<string, string>): Promise<Told[]> =>
  ((await (await api(cache, "GET", "sessions", undefined, headers)).json()) as { sessions: Told[] })
    .sessions;

describe("a session cookie", () => {
  it("reveals nothing of the admin secret; one signed with a key derived from the secret is refused", async () => {
    const browser = await signedIn(shutCache());
    const claims = decodeJwt(textOf(browser));
    expect(JSON.stringify(claims)).not.toContain(
      createHash("sha256").update(ADMIN).digest("base64url"),
    );
    // As earlier versions signed it: who knows the secret's form can guess the secret against a cookie at home.
    const { jti: _, ...others } = claims;
    for (const payload of [claims, others, { role: "admin" }]) {
      const key = createHash("sha256").update(`entrepot-console\n${ADMIN}`).digest();
      const old = await new SignJWT(payload)
        .setProtectedHeader({ alg: "HS256" })
        .setAudience("entrepot-console")
        .setExpirationTime(Math.floor(Date.now() / 1000) + 3_600)
        .sign(key);
      expect(await status(shutCache(), `__Host-entrepot=${old}`)).toBe(401);
    }
  });

  it("is valid in every isolate, only with the secret that it was begun with", async () => {
    const browser = await signedIn(shutCache());
    expect(await status(shutCache(), browser.cookies)).toBe(200);
    const other = "another-admin-token-of-the-tests";
    for (const variables of [
      { ADMIN_TOKEN: other },
      { ADMIN_TOKEN: "" },
      { ADMIN_TOKEN: VIEWER, VIEWER_TOKEN: ADMIN },
      { ADMIN_TOKEN: other, VIEWER_TOKEN: ADMIN },
    ])
      expect(await status(shutCache(variables), browser.cookies)).toBe(401);
    // The other secret changes nothing for it.
    expect(await status(shutCache({ VIEWER_TOKEN: other }), browser.cookies)).toBe(200);
  });

  it("is invalid once any part of it is changed", async () => {
    const browser = await signedIn(shutCache(), VIEWER);
    const [header, payload = "", signature] = textOf(browser).split(".");
    const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    const forged = btoa(JSON.stringify({ ...claims, role: "admin" })).replaceAll("=", "");
    for (const text of [`${header}.${forged}.${signature}`, `${header}.${payload}.`, "x.y.z"])
      expect(await status(shutCache(), `__Host-entrepot=${text}`)).toBe(401);
  });
});

describe("signing out", () => {
  const OTHERS: [string, Record<string, string>][] = [
    ["another site", { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" }],
    ["its own host over http, as a neighbour can make it", { Origin: "http://cache.example" }],
    [
      "another host of the site",
      { Origin: "https://x.cache.example", "Sec-Fetch-Site": "same-site" },
    ],
    ["a page without an origin", { Origin: "null", "Sec-Fetch-Site": "cross-site" }],
  ];

  it.each(OTHERS)("is not done for %s", async (_, headers) => {
    const cache = shutCache();
    const browser = await signedIn(cache);
    const { cookies } = browser;
    const response = await browser.once("POST", "/sign-out", { fields: {}, headers });
    expect(response.status).toBe(403);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await status(cache, cookies)).toBe(200);
    // Where no origin is told, nothing is done either.
    const silent = await cache.ask(`${ORIGIN}/sign-out`, {
      method: "POST",
      headers: { Cookie: cookies },
    });
    expect([silent.status, silent.headers.getSetCookie()]).toEqual([403, []]);
  });

  it("is not done by a link", async () => {
    const cache = shutCache();
    const browser = await signedIn(cache);
    for (const method of ["GET", "HEAD"]) {
      const response = await browser.once(method, "/sign-out", {});
      expect(response.status).toBe(404);
      expect(response.headers.getSetCookie()).toEqual([]);
    }
    expect(await status(cache, browser.cookies)).toBe(200);
  });

  it("makes the cookie useless: here at once, everywhere within a minute", async () => {
    const [cache, other] = [shutCache(), shutCache()];
    const [browser, second] = [await signedIn(cache), await signedIn(cache)];
    const copied = browser.cookies;
    expect(await status(other, copied)).toBe(200);
    const response = await browser.once("POST", "/sign-out", { fields: {} });
    expect([response.status, response.headers.get("location")]).toEqual([303, "/sign-in"]);
    expect(await status(cache, copied)).toBe(401);
    later(59_000);
    expect(await status(other, copied)).toBe(401);
    // Another session of the same token goes on.
    expect(await status(other, second.cookies)).toBe(200);
    // Once more, without a session, is no failure.
    expect((await browser.once("POST", "/sign-out", { fields: {} })).status).toBe(303);
  });
});

describe("sessions are ended", () => {
  it("one, by the API: everywhere within a minute, and no other one", async () => {
    const [cache, other] = [shutCache(), shutCache()];
    const [lost, kept] = [await signedIn(cache), await signedIn(cache)];
    expect(await status(other, lost.cookies)).toBe(200);
    const { jti } = decodeJwt(textOf(lost));
    const own = (await listed(cache, { Cookie: lost.cookies })).filter(({ yours }) => yours);
    expect(own).toEqual([expect.objectContaining({ id: jti, role: "admin" })]);
    expect((await api(cache, "DELETE", `sessions/${jti}`)).status).toBe(200);
    expect((await api(cache, "DELETE", `sessions/${jti}`)).status).toBe(404);
    expect(await status(cache, lost.cookies)).toBe(401);
    later(59_000);
    expect(await status(other, lost.cookies)).toBe(401);
    expect(await status(other, kept.cookies)).toBe(200);
    expect((await listed(cache)).map(({ id }) => id)).not.toContain(jti);
  });

  it("all of a role, and not those that begin then or are of the other", async () => {
    const [cache, other] = [shutCache(), shutCache()];
    const admins = [await signedIn(cache), await signedIn(cache)];
    const viewer = await signedIn(cache, VIEWER);
    for (const { cookies } of admins) expect(await status(other, cookies)).toBe(200);
    const at = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => at);
    const ended = await api(cache, "DELETE", "sessions?role=admin");
    expect(((await ended.json()) as { ended: number }).ended).toBeGreaterThanOrEqual(2);
    // In the very millisecond.
    const next = await signedIn(cache);
    later(59_000);
    for (const { cookies } of admins)
      for (const one of [cache, other]) expect(await status(one, cookies)).toBe(401);
    for (const { cookies } of [next, viewer])
      for (const one of [cache, other]) expect(await status(one, cookies)).toBe(200);
    expect(await listed(cache)).not.toContainEqual(
      expect.objectContaining({ id: decodeJwt(textOf(admins[0] as Browser)).jti }),
    );
  });

  it("by the admin only, and it is recorded", async () => {
    const cache = shutCache();
    const browser = await signedIn(cache);
    const { jti } = decodeJwt(textOf(browser));
    for (const path of [`sessions/${jti}`, "sessions?role=admin"]) {
      expect((await api(cache, "DELETE", path, undefined, bearer(VIEWER))).status).toBe(403);
      expect((await api(cache, "DELETE", path, undefined, {})).status).toBe(401);
    }
    expect((await api(cache, "DELETE", "sessions?role=nobody")).status).toBe(400);
    expect((await api(cache, "DELETE", "sessions")).status).toBe(400);
    expect(await status(cache, browser.cookies)).toBe(200);
    await api(cache, "DELETE", `sessions/${jti}`);
    await api(cache, "DELETE", "sessions?role=viewer");
    const { actions } = (await (await api(cache, "GET", "audit?n=3")).json()) as {
      actions: { what: string }[];
    };
    expect(actions.map(({ what }) => what)).toEqual([
      "ended all sessions of the viewer token",
      `ended a session of the admin token (${jti})`,
      "signed in to the console",
    ]);
  });

  it("on the console's pages, and by the command line", async () => {
    const cache = shutCache();
    const [browser, lost] = [await signedIn(cache), await signedIn(cache)];
    const { jti } = decodeJwt(textOf(lost));
    const page = await (await browser.open("/sessions")).text();
    expect(page).toContain("this session");
    expect(page).toContain(`/sessions/end?id=${jti}`);
    await browser.send("/sessions/end", { id: String(jti) });
    expect(browser.path).toBe("/sessions");
    expect(await status(cache, lost.cookies)).toBe(401);
    const command = cliOf(cache);
    const viewer = await signedIn(cache, VIEWER);
    const id = String(decodeJwt(textOf(viewer)).jti);
    expect((await command("sessions", "list")).out).toContain(id);
    expect((await command("sessions", "end", id)).code).toBe(0);
    expect(await status(cache, viewer.cookies)).toBe(401);
    expect((await command("sessions", "end")).code).toBe(2);
    expect((await command("sessions", "end", id, "--role", "admin")).code).toBe(2);
    expect((await command("sessions", "end", "--role", "admin")).out).toMatch(
      /^ended \d+ sessions? of the admin token/,
    );
    expect(await status(cache, browser.cookies)).toBe(401);
    await browser.signIn(ADMIN);
    await browser.send("/sessions/end-all", { role: "admin" });
    expect(browser.path).toMatch(/^\/sign-in/);
  });
});

describe("stored sessions", () => {
  it("are removed once they have expired", async () => {
    const cache = shutCache();
    const browser = await signedIn(cache);
    const { jti } = decodeJwt(textOf(browser));
    await browser.once("POST", "/sign-out", { fields: {} });
    expect((await access.page()).sessions?.ended).toContain(jti);
    later(12 * HOUR + 1_000);
    expect((await access.page()).sessions?.ended).not.toContain(jti);
    await signedIn(cache);
    const { ACCESS } = env as unknown as Env;
    const rows = await runInDurableObject(
      ACCESS.get(ACCESS.idFromName("access")),
      (_, { storage }) =>
        storage.sql.exec("SELECT * FROM sessions WHERE id = ?", String(jti)).toArray(),
    );
    expect(rows).toEqual([]);
  });

  it("are bounded: beyond a thousand the older half ends, and no ended session comes back", async () => {
    const cache = new Cache({ ...shut() });
    const old = await signedIn(cache);
    const out = await signedIn(cache);
    await out.once("POST", "/sign-out", { fields: {} });
    const signedOut = out.cookies || "";
    const now = Date.now();
    for (let at = 1; at <= 1_200; at++)
      await access.beginSession(`bulk-${at}`, at % 2 ? "admin" : "viewer", now + at);
    const young = await access.beginSession("bulk-young", "admin", now + 2_000);
    later(59_000);
    expect((await access.sessions(now + 2_000)).length).toBeLessThanOrEqual(1_000);
    expect((await access.page()).sessions?.ended.length).toBeLessThanOrEqual(1_000);
    expect(await status(cache, old.cookies)).toBe(401);
    expect(await status(cache, signedOut)).toBe(401);
    expect((await access.sessions(now + 2_000)).map(({ id }) => id)).toContain(young.id);
  });
});
