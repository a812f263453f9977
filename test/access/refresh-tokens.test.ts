// Refresh tokens: statements that cost the object of access nothing to make, and end with the pull token that they name.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { base64url, decodeJwt, SignJWT } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { hashOf, newPullToken } from "../../src/access/tokens/pull-token.ts";
import type { Env } from "../../src/env.ts";
import { access, api, basic, pullToken, shutCache, type TokenAnswer } from "../support/access.ts";
import { type Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { Window } from "../support/limiter.ts";

const { ACCESS } = env as unknown as Env;
const DAY = 24 * 60 * 60_000;
const name = repository("refreshed");
const SCOPE = `repository:open/${name}:pull`;
const HERE = { "CF-Connecting-IP": "203.0.113.9" };

beforeAll(async () => {
  await fixture.image(name, "1");
});

afterEach(() => {
  vi.restoreAllMocks();
});

const post = (cache: Cache, form: Record<string, string>, headers: Record<string, string> = {}) =>
  cache.ask("https://cache.example/token", {
    method: "POST",
    headers,
    body: new URLSearchParams({ scope: SCOPE, ...form }),
  });

async function refreshTokenOf(cache: Cache, token: string): Promise<string> {
  const form = { grant_type: "password", password: token, access_type: "offline" };
  const answer = (await (await post(cache, form)).json()) as TokenAnswer;
  return answer.refresh_token as string;
}

const refreshed = async (cache: Cache, text: string, headers = {}) =>
  (await post(cache, { grant_type: "refresh_token", refresh_token: text }, headers)).status;

const secretRows = () =>
  runInDurableObject(
    ACCESS.get(ACCESS.idFromName("access")),
    (_, { storage }) => storage.sql.exec("SELECT count(*) AS count FROM secrets").one().count,
  );

/** The binding of the object, and which of its methods were called how often. */
function watched() {
  const calls: Record<string, number> = {};
  const binding = {
    idFromName: () => "",
    get: () =>
      new Proxy(ACCESS.get(ACCESS.idFromName("access")), {
        get: (target, method: string) => {
          calls[method] = (calls[method] ?? 0) + 1;
          return Reflect.get(target, method) as unknown;
        },
      }),
  };
  return { binding, calls };
}

describe("a refresh token", () => {
  it("is made without a call to the access object, for any number of requests", async () => {
    const { binding, calls } = watched();
    const cache = shutCache({ ACCESS: binding });
    const { token } = await pullToken(cache, ["**"]);
    await refreshTokenOf(cache, token);
    const [rows, before] = [await secretRows(), { ...calls }];
    const made = new Set<string>();
    for (let at = 0; at < 100; at++) made.add(await refreshTokenOf(cache, token));
    const query = new URLSearchParams({ scope: SCOPE, offline_token: "true" });
    const got = await cache.ask(`https://cache.example/token?${query}`, { headers: basic(token) });
    made.add(((await got.json()) as TokenAnswer).refresh_token as string);
    expect(made.size).toBe(101);
    expect(calls).toEqual(before);
    expect(await secretRows()).toBe(rows);
  });

  it("names its pull token, for an audience of its own, and holds no secret", async () => {
    const cache = shutCache();
    const made = await pullToken(cache, ["**"], { expiry: "1h" });
    const claims = decodeJwt(await refreshTokenOf(cache, made.token));
    expect(claims).toMatchObject({ iss: "entrepot", aud: "entrepot-refresh", token: made.id });
    expect(claims.exp).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000) + 3600);
    const endless = await pullToken(cache, ["**"]);
    expect(decodeJwt(await refreshTokenOf(cache, endless.token)).exp).toBeUndefined();
  });

  it("is looked up once by an isolate, and then known there", async () => {
    const maker = shutCache();
    const { token } = await pullToken(maker, ["**"]);
    const texts = [await refreshTokenOf(maker, token), await refreshTokenOf(maker, token)];
    const { binding, calls } = watched();
    const cache = shutCache({ ACCESS: binding });
    for (let at = 0; at < 20; at++)
      expect(await refreshed(cache, texts[at % 2] as string)).toBe(200);
    expect(calls).toEqual({ page: 1, holder: 1 });
  });

  it("stays valid when the signing keys are rotated, for as long as its pull token", async () => {
    const cache = shutCache();
    const { token } = await pullToken(cache, ["**"]);
    const text = await refreshTokenOf(cache, token);
    expect((await api(cache, "POST", "keys/rotate")).status).toBe(200);
    for (const time of [0, 2 * 60_000, DAY, 31 * DAY, 31 * DAY]) {
      later(time);
      expect(await refreshed(shutCache(), text)).toBe(200);
    }
  });

  it("ends with its pull token: revoked within a minute, or expired", async () => {
    const [cache, other] = [shutCache(), shutCache()];
    const made = await pullToken(cache, ["**"]);
    const short = await pullToken(cache, ["**"], { expiry: "1h" });
    const [text, brief] = [
      await refreshTokenOf(cache, made.token),
      await refreshTokenOf(cache, short.token),
    ];
    for (const one of [cache, other]) expect(await refreshed(one, text)).toBe(200);
    await access.revoke(made.id, "a test", Date.now());
    later(59_000);
    // Also where the revocation is told no more, and where nothing of the token is known.
    for (const one of [cache, other, shutCache()]) expect(await refreshed(one, text)).toBe(401);
    expect(await refreshed(other, brief)).toBe(200);
    later(2 * 60 * 60_000);
    for (const one of [cache, other, shutCache()]) {
      expect(await refreshed(one, text)).toBe(401);
      expect(await refreshed(one, brief)).toBe(401);
    }
  });

  it("may be used from its pull token's networks alone, for what that may pull", async () => {
    const cache = shutCache();
    const form = { grant_type: "password", access_type: "offline" };
    const networks = ["203.0.113.0/24"];
    const near = await pullToken(cache, ["elsewhere/**"], { networks });
    const first = await post(cache, { ...form, password: near.token }, HERE);
    const { refresh_token = "" } = (await first.json()) as TokenAnswer;
    expect(await refreshed(cache, refresh_token, HERE)).toBe(200);
    expect(await refreshed(cache, refresh_token, { "CF-Connecting-IP": "198.51.100.1" })).toBe(401);
    const headers = { ...HERE, ...basic(refresh_token) };
    expect((await cache.fetch(`open/${name}/manifests/1`, { headers })).status).toBe(403);
  });

  it("that an earlier version stored as a row stays valid until its pull token ends", async () => {
    const cache = shutCache();
    const made = await pullToken(cache, ["**"]);
    const old = newPullToken();
    await access.refresh(made.id, hashOf(old), Date.now());
    expect(await refreshed(cache, old)).toBe(200);
    expect((await cache.fetch(`open/${name}/manifests/1`, { headers: basic(old) })).status).toBe(
      200,
    );
    await access.revoke(made.id, "a test", Date.now());
    later(59_000);
    expect(await refreshed(cache, old)).toBe(401);
  });
});

describe("an invalid refresh token", () => {
  it("is refused before anything is looked up", async () => {
    const { binding, calls } = watched();
    const cache = shutCache({ ACCESS: binding });
    const { token, id } = await pullToken(cache, ["**"]);
    const text = await refreshTokenOf(cache, token);
    const key = base64url.decode((await access.page()).refreshKey as string);
    const sign = (audience: string, by: Uint8Array, issuer = "entrepot") =>
      new SignJWT({ token: id, access: [] })
        .setProtectedHeader({ alg: "HS256", typ: "JWT" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject("anonymous")
        .setExpirationTime("1h")
        .sign(by);
    const other = crypto.getRandomValues(new Uint8Array(32));
    const part = (value: object) => base64url.encode(JSON.stringify(value));
    const unsigned = `${part({ alg: "none", typ: "JWT" })}.${part({ ...decodeJwt(text) })}.`;
    const password = { grant_type: "password", password: token };
    const { access_token } = (await (await post(cache, password)).json()) as TokenAnswer;
    const before = { ...calls };
    for (const wrong of [
      await sign("entrepot-refresh", other),
      await sign("entrepot", key),
      await sign("entrepot-console", key),
      await sign("entrepot-refresh", key, "https://issuer.example"),
      `${unsigned}x`,
      `${text}x`,
      access_token,
    ])
      expect(await refreshed(cache, wrong)).toBe(401);
    expect(calls.holder).toBe(before.holder);
    expect(calls.find).toBe(before.find);
    // What names a pull token that there is none of is looked up once, by its signature's word.
    const gone = await new SignJWT({ token: "none" })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setIssuer("entrepot")
      .setAudience("entrepot-refresh")
      .sign(key);
    for (let at = 0; at < 5; at++) expect(await refreshed(cache, gone)).toBe(401);
    expect(calls.holder).toBe((before.holder ?? 0) + 1);
  });

  it("counts as a guess", async () => {
    const cache = shutCache({ LOGINS: new Window(5) });
    const statuses: number[] = [];
    for (let at = 0; at < 10; at++) statuses.push(await refreshed(cache, `x.y.z${at}`, HERE));
    expect(statuses).toEqual([...Array(5).fill(401), ...Array(5).fill(429)]);
  });
});
