// The registry token flow (distribution's token specification), as clients walk it.

import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  access,
  api,
  basic,
  bearer,
  brittleAccess,
  challengeOf,
  flow,
  type Made,
  pullToken,
  shutCache,
  type TokenAnswer,
  tokenFor,
} from "../support/access.ts";
import { fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";

const cache = shutCache();
const name = repository("flow");
const URL_OF = `https://cache.example/v2/open/${name}/manifests/1`;
const SCOPE = `repository:open/${name}:pull`;
let digest: string;
let token: Made;

beforeAll(async () => {
  digest = (await fixture.image(name, "1")).digest;
  token = await pullToken(cache, [`open/${name}`]);
});

afterEach(() => {
  vi.restoreAllMocks();
});

const post = (form: Record<string, string>, query = "") =>
  cache.ask(`https://cache.example/token${query}`, {
    method: "POST",
    body: new URLSearchParams(form),
  });

async function errorOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { errors: { code: string }[] };
  return errors[0]?.code as string;
}

describe("a client without credentials", () => {
  it("gets a challenge with realm, service and scope", async () => {
    const response = await cache.ask(URL_OF);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe(
      `Bearer realm="https://cache.example/token",service="entrepot",scope="${SCOPE}"`,
    );
    expect(await errorOf(response)).toBe("UNAUTHORIZED");
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it("gets a challenge without a scope at /v2/", async () => {
    for (const path of ["/v2/", "/v2"]) {
      const response = await cache.ask(`https://cache.example${path}`);
      expect(response.status).toBe(401);
      expect(challengeOf(response).scope).toBeUndefined();
    }
  });

  it("gets no token from the token service", async () => {
    for (const query of ["", `?scope=${SCOPE}`]) {
      const response = await cache.ask(`https://cache.example/token${query}`);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toMatch(/^Basic /);
    }
  });
});

describe("with a pull token", () => {
  it("a client gets the manifest by challenge, token and second request", async () => {
    const response = await flow(cache, URL_OF, basic(token.token));
    expect(response.status).toBe(200);
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    expect(response.headers.get("cache-control")).not.toMatch(/public/);
  });

  it("GET /token answers a short-lived signed JWT with its scope", async () => {
    const challenge = challengeOf(await cache.ask(URL_OF));
    const response = await tokenFor(cache, challenge, basic(token.token));
    expect(response.headers.get("cache-control")).toBe("no-store");
    const answer = (await response.json()) as TokenAnswer;
    expect(answer).toMatchObject({ access_token: answer.token, expires_in: 300, scope: SCOPE });
    expect(Date.parse(answer.issued_at)).toBeGreaterThan(Date.now() - 60_000);
    expect(decodeProtectedHeader(answer.token)).toMatchObject({
      alg: "EdDSA",
      kid: expect.any(String),
    });
    const claims = decodeJwt(answer.token);
    expect(claims).toMatchObject({
      iss: "entrepot",
      aud: "entrepot",
      access: [{ type: "repository", name: `open/${name}`, actions: ["pull"] }],
    });
    expect((claims.exp as number) - (claims.iat as number)).toBe(300);
    expect(JSON.stringify(claims)).not.toContain(token.token);
  });

  it("GET /token grants the part of the scope that the token may pull", async () => {
    const query = new URLSearchParams([
      ["scope", `repository:open/${name}:pull,push repository:open/other:pull`],
      ["scope", "registry:catalog:*"],
      ["scope", "repository:open/Not A Name:pull"],
    ]);
    const response = await cache.ask(`https://cache.example/token?${query}`, {
      headers: basic(token.token),
    });
    const { access: given } = decodeJwt(((await response.json()) as TokenAnswer).token);
    expect(given).toEqual([
      { type: "repository", name: `open/${name}`, actions: ["pull"], resource: expect.any(String) },
      { type: "repository", name: "open/other", actions: [], resource: expect.any(String) },
    ]);
  });

  it("a JWT with the most scopes that are granted at once is usable; more scopes are refused", async () => {
    const long = (at: number) => `open/${"x".repeat(240)}/${at + 10}`;
    const networks = Array.from(
      { length: 100 },
      (_, at) => `2001:db8:1111:2222:3333:4444:${at}:0/120`,
    );
    const many = await pullToken(cache, ["open/**"], {
      networks: [...networks.slice(1), "192.0.2.1"],
    });
    const from = { "CF-Connecting-IP": "192.0.2.1" };
    const ask = (count: number) => {
      const names = Array.from({ length: count }, (_, at) =>
        at === 0 ? `open/${name}` : long(at),
      );
      const scope = names.map((one) => `repository:${one}:pull`).join(" ");
      return cache.ask(`https://cache.example/token?${new URLSearchParams({ scope })}`, {
        headers: { ...basic(many.token), ...from },
      });
    };
    const { token: jwt } = (await (await ask(25)).json()) as TokenAnswer;
    expect((await cache.ask(URL_OF, { headers: { ...bearer(jwt), ...from } })).status).toBe(200);
    expect((await ask(26)).status).toBe(400);
  });

  it("docker login, without a scope, is answered whether the token is valid", async () => {
    const ask = (headers: Record<string, string>) =>
      cache.ask("https://cache.example/token?account=token&client_id=docker&service=entrepot", {
        headers,
      });
    const good = await ask(basic(token.token));
    expect(good.status).toBe(200);
    const { token: jwt } = (await good.json()) as TokenAnswer;
    const ping = await cache.ask("https://cache.example/v2/", { headers: bearer(jwt) });
    expect(ping.status).toBe(200);
    expect((await ask(basic(`${token.token}x`))).status).toBe(401);
  });

  it("a JWT opens its scope, and another repository is answered with a new challenge", async () => {
    const other = repository("flow-other");
    await fixture.image(other, "1");
    const both = await pullToken(cache, [`open/${name}`, `open/${other}`]);
    const challenge = challengeOf(await cache.ask(URL_OF));
    const answer = (await (
      await tokenFor(cache, challenge, basic(both.token))
    ).json()) as TokenAnswer;
    const next = await cache.ask(`https://cache.example/v2/open/${other}/manifests/1`, {
      headers: bearer(answer.token),
    });
    expect(next.status).toBe(401);
    expect(next.headers.get("www-authenticate")).toMatch(/error="insufficient_scope"/);
    expect(challengeOf(next).scope).toBe(`repository:open/${other}:pull`);
  });

  it("a JWT that was requested for a repository it may not pull is refused there without a new challenge", async () => {
    const url = `https://cache.example/v2/open/elsewhere/manifests/1`;
    const response = await flow(cache, url, basic(token.token));
    expect(response.status).toBe(403);
    expect(await errorOf(response)).toBe("DENIED");
  });

  it("plain Basic works, the token as the password, or as the user; and as Bearer", async () => {
    const user = { Authorization: `Basic ${btoa(`${token.token}:`)}` };
    for (const headers of [
      basic(token.token),
      basic(token.token, "anybody"),
      user,
      bearer(token.token),
    ]) {
      expect((await cache.ask(URL_OF, { headers })).status).toBe(200);
      expect((await cache.ask("https://cache.example/v2/", { headers })).status).toBe(200);
    }
  });

  it("OAuth2: a password, and the refresh token that comes of it", async () => {
    const form = { service: "entrepot", client_id: "docker", scope: SCOPE };
    const password = { ...form, grant_type: "password", username: "me", password: token.token };
    const first = (await (await post(password)).json()) as TokenAnswer;
    expect(first.refresh_token).toBeUndefined();
    const offline = (await (
      await post({ ...password, access_type: "offline" })
    ).json()) as TokenAnswer;
    const refresh_token = offline.refresh_token as string;
    expect(refresh_token).not.toBe(token.token);
    const again = await post({ ...form, grant_type: "refresh_token", refresh_token });
    expect(again.status).toBe(200);
    const { access_token } = (await again.json()) as TokenAnswer;
    expect((await cache.ask(URL_OF, { headers: bearer(access_token) })).status).toBe(200);
    for (const wrong of [first.access_token, "nothing", `${refresh_token}x`]) {
      const refused = await post({ ...form, grant_type: "refresh_token", refresh_token: wrong });
      expect(refused.status).toBe(401);
    }
  });

  it.each([
    { title: "another grant", form: { grant_type: "client_credentials" }, status: 400 },
    { title: "no grant", form: { scope: SCOPE }, status: 400 },
    { title: "no password", form: { grant_type: "password", username: "me" }, status: 400 },
    {
      title: "too long a form",
      form: { grant_type: "password", password: "x".repeat(70_000) },
      status: 413,
    },
  ])("a form with $title is refused", async ({ form, status }) => {
    expect((await post(form)).status).toBe(status);
  });

  it.each(["PUT", "DELETE", "HEAD"])("the token service does not take %s", async (method) => {
    const response = await cache.ask("https://cache.example/token", { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST");
  });
});

describe("a JWT", () => {
  const fresh = async (headers = basic(token.token)) => {
    const challenge = challengeOf(await cache.ask(URL_OF));
    return (await (await tokenFor(cache, challenge, headers)).json()) as TokenAnswer;
  };

  it("is valid for five minutes; then a new one is requested", async () => {
    const { token: jwt } = await fresh();
    later(299_000);
    expect((await cache.ask(URL_OF, { headers: bearer(jwt) })).status).toBe(200);
    later(2_000);
    const response = await cache.ask(URL_OF, { headers: bearer(jwt) });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/error="invalid_token"/);
  });

  it("does not outlive its pull token", async () => {
    const short = await pullToken(cache, ["**"], { expiry: "100s" });
    const { token: jwt, expires_in } = await fresh(basic(short.token));
    expect(expires_in).toBeLessThanOrEqual(100);
    later(101_000);
    expect((await cache.ask(URL_OF, { headers: bearer(jwt) })).status).toBe(401);
    expect((await cache.ask(URL_OF, { headers: basic(short.token) })).status).toBe(401);
  });

  it("stays valid when the keys are rotated, and the new key signs soon", async () => {
    const { token: jwt } = await fresh();
    expect((await api(cache, "POST", "keys/rotate")).status).toBe(200);
    for (const time of [0, 30_000, 100_000, 40_000]) {
      later(time);
      const other = shutCache();
      expect((await other.ask(URL_OF, { headers: bearer(jwt) })).status).toBe(200);
      expect((await cache.ask(URL_OF, { headers: bearer(jwt) })).status).toBe(200);
    }
    const { token: next } = await fresh();
    expect(decodeProtectedHeader(next).kid).not.toBe(decodeProtectedHeader(jwt).kid);
    expect((await shutCache().ask(URL_OF, { headers: bearer(next) })).status).toBe(200);
  });

  it("gets no other JWT", async () => {
    const { token: jwt } = await fresh();
    const response = await cache.ask(`https://cache.example/token?scope=${SCOPE}`, {
      headers: basic(jwt),
    });
    expect(response.status).toBe(401);
  });
});

describe("revocation", () => {
  it("takes effect everywhere within a minute: for the token, its JWTs and its refresh tokens", async () => {
    const made = await pullToken(cache, ["**"]);
    const others = [cache, shutCache(), shutCache()];
    const form = {
      grant_type: "password",
      password: made.token,
      access_type: "offline",
      scope: SCOPE,
    };
    const { access_token, refresh_token } = (await (await post(form)).json()) as TokenAnswer;
    const all = [basic(made.token), bearer(access_token), basic(refresh_token as string)];
    const statuses = () =>
      Promise.all(
        others.flatMap((other) =>
          all.map(async (headers) => (await other.ask(URL_OF, { headers })).status),
        ),
      );
    expect(new Set(await statuses())).toEqual(new Set([200]));
    await access.revoke(made.id, "a test", Date.now());
    later(59_000);
    expect(new Set(await statuses())).toEqual(new Set([401]));
  });

  it("fails closed: an access object that cannot be read stops pulls after the snapshot's lifetime", async () => {
    const made = await pullToken(cache, ["**"]);
    const { binding, breaks } = brittleAccess();
    const broken = shutCache({ ACCESS: binding });
    expect((await broken.ask(URL_OF, { headers: basic(made.token) })).status).toBe(200);
    breaks();
    later(50_000);
    expect((await broken.ask(URL_OF, { headers: basic(made.token) })).status).toBe(200);
    later(6_000);
    const response = await broken.ask(URL_OF, { headers: basic(made.token) });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
  });
});
