// Workload identity: tokens of OIDC issuers as the password, and all the ways in which one may be no good.

import { createHmac } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { basic, bearer, flow, pullToken, shutCache } from "../support/access.ts";
import { type Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { TestIssuer } from "../support/issuer.ts";

const AUDIENCE = "entrepot.example";
const name = repository("workload");
const url = `https://cache.example/v2/open/${name}/manifests/1`;

beforeAll(async () => {
  await fixture.image(name, "1");
});

afterEach(() => {
  vi.restoreAllMocks();
});

interface Trust {
  claims?: object;
  repositories?: string[];
  audience?: string | string[];
  issuer?: string;
  jwks?: object;
  jwksUri?: string;
}

function trusting(issuer: TestIssuer, ...entries: Trust[]): Cache {
  const good = {
    issuer: issuer.url,
    audience: AUDIENCE,
    claims: { sub: "*body" },
    repositories: ["open/**"],
  };
  const issuers = (entries.length === 0 ? [{}] : entries).map((entry) => ({ ...good, ...entry }));
  return shutCache({}, { issuers });
}

async function status(cache: Cache, token: string): Promise<number> {
  const answers = await Promise.all([
    cache.ask(url, { headers: basic(token) }),
    cache.ask(url, { headers: bearer(token) }),
    flow(cache, url, basic(token)),
  ]);
  const [first, ...others] = answers.map((answer) => answer.status);
  for (const other of others) expect(other).toBe(first);
  return first as number;
}

describe("an issuer's token", () => {
  it("serves as a pull token: as Basic password, as Bearer, and at the token service", async () => {
    const issuer = await new TestIssuer().start();
    const cache = trusting(issuer);
    expect(await status(cache, await issuer.sign())).toBe(200);
    expect(await issuer.asked("keys")).toBe(1);
  });

  it("of GitHub Actions: by the claims of its workflow", async () => {
    const issuer = await new TestIssuer().start();
    const cache = trusting(issuer, {
      claims: { repository_owner: "acme", ref: ["refs/heads/main", "refs/tags/v*"] },
    });
    const claims = {
      sub: "repo:acme/app:ref:refs/heads/main",
      repository: "acme/app",
      repository_owner: "acme",
      ref: "refs/heads/main",
      run_attempt: "1",
    };
    expect(await status(cache, await issuer.sign(claims))).toBe(200);
    expect(await status(cache, await issuer.sign({ ...claims, ref: "refs/tags/v1/x" }))).toBe(200);
    expect(await status(cache, await issuer.sign({ ...claims, ref: "refs/heads/evil" }))).toBe(401);
    expect(await status(cache, await issuer.sign({ ...claims, repository_owner: "evil" }))).toBe(
      401,
    );
    expect(
      await status(cache, await issuer.sign({ ...claims, repository_owner: "acme-evil" })),
    ).toBe(401);
  });

  it("of a Kubernetes service account: by what is in its table of claims, with keys that are given", async () => {
    const issuer = await new TestIssuer().start();
    const inside = "https://kubernetes.default.svc.cluster.local";
    const cache = trusting(issuer, {
      issuer: inside,
      jwks: issuer.jwks,
      claims: { "kubernetes.io": { namespace: ["prod-*", "staging"] } },
    });
    const claims = (namespace: string) => ({
      iss: inside,
      aud: [AUDIENCE, "https://kubernetes.default.svc"],
      sub: `system:serviceaccount:${namespace}:default`,
      "kubernetes.io": { namespace, serviceaccount: { name: "default" } },
    });
    expect(await status(cache, await issuer.sign(claims("prod-7")))).toBe(200);
    expect(await status(cache, await issuer.sign(claims("dev")))).toBe(401);
    expect(await issuer.asked("keys")).toBe(0);
  });

  it("of Cloudflare Access for a service: put on by Access, with keys where Access has them", async () => {
    const issuer = await new TestIssuer().start();
    const cache = trusting(issuer, {
      claims: { common_name: "0123abcd.access" },
      jwksUri: `${issuer.url}/cdn-cgi/access/certs`,
    });
    const assertion = await issuer.sign({ sub: "", common_name: "0123abcd.access" });
    const ask = (headers: Record<string, string>) => cache.ask(url, { headers });
    expect((await ask({ "Cf-Access-Jwt-Assertion": assertion })).status).toBe(200);
    expect(await issuer.asked("cdn-cgi/access/certs")).toBe(1);
    expect(await issuer.asked("keys")).toBe(0);
    const other = await issuer.sign({ sub: "", common_name: "ffff.access" });
    expect((await ask({ "Cf-Access-Jwt-Assertion": other })).status).toBe(401);
    // The client's own credentials come before the header that Access adds.
    expect((await ask({ "Cf-Access-Jwt-Assertion": assertion, ...basic("wrong") })).status).toBe(
      401,
    );
  });

  it("may pull the union of what all matching entries allow", async () => {
    const issuer = await new TestIssuer().start();
    const cache = trusting(
      issuer,
      { claims: { team: "a" }, repositories: ["nothing/**"] },
      { claims: { groups: ["pullers"] }, repositories: [`open/${name}`] },
      { claims: { team: "b" }, repositories: ["**"], audience: "elsewhere" },
    );
    expect(await status(cache, await issuer.sign({ team: "a", groups: ["x", "pullers"] }))).toBe(
      200,
    );
    expect(await status(cache, await issuer.sign({ team: "a" }))).toBe(403);
    expect(await status(cache, await issuer.sign({ team: "b" }))).toBe(401);
  });

  it("gets a JWT that does not outlive it", async () => {
    const issuer = await new TestIssuer().start();
    const cache = trusting(issuer);
    const token = await issuer.sign({ exp: Math.floor(Date.now() / 1000) + 60 });
    const answer = await cache.ask("https://cache.example/token", { headers: basic(token) });
    expect(((await answer.json()) as { expires_in: number }).expires_in).toBeLessThanOrEqual(60);
  });
});

describe("an issuer refuses", () => {
  const now = () => Math.floor(Date.now() / 1000);
  it.each<[string, (issuer: TestIssuer) => Promise<string>]>([
    ["expired", (issuer) => issuer.sign({ exp: now() - 60 })],
    ["without an end", (issuer) => issuer.sign({ exp: undefined })],
    ["not begun", (issuer) => issuer.sign({ nbf: now() + 600 })],
    ["for another audience", (issuer) => issuer.sign({ aud: "elsewhere" })],
    ["without an audience", (issuer) => issuer.sign({ aud: undefined })],
    ["that names another issuer itself", (issuer) => issuer.sign({ iss: "https://evil.example" })],
    [
      "of an issuer whose name has the configured one as prefix",
      (issuer) => issuer.sign({ iss: `${issuer.url}.evil.example` }),
    ],
    ["that says it is ours", (issuer) => issuer.sign({ iss: "entrepot", aud: "entrepot" })],
    [
      "unsigned (alg none)",
      async (issuer) =>
        new UnsecuredJWT({
          iss: issuer.url,
          aud: AUDIENCE,
          sub: "somebody",
          exp: now() + 600,
        }).encode(),
    ],
    [
      "signed with the public key as a secret (key confusion)",
      async (issuer) => {
        const { publicKey } = await generateKeyPair("RS256", { extractable: true });
        const kid = "confused";
        const jwk = { ...(await exportJWK(publicKey)), kid };
        await issuer.page("keys", { keys: [jwk, { kty: "oct", k: "c2VjcmV0", kid: "oct" }] });
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const body = `${part({ alg: "HS256", kid })}.${part({ iss: issuer.url, aud: AUDIENCE, sub: "somebody", exp: now() + 600 })}`;
        const mac = createHmac("sha256", await exportSPKI(publicKey)).update(body);
        return `${body}.${mac.digest("base64url")}`;
      },
    ],
    [
      "signed with a key that it brings along (jwk, jku)",
      async (issuer) => {
        const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
        const jwk = await exportJWK(publicKey);
        return new SignJWT({ iss: issuer.url, aud: AUDIENCE, sub: "somebody" })
          .setProtectedHeader({ alg: "ES256", jwk, jku: "https://evil.example/keys", kid: "mine" })
          .setExpirationTime("10m")
          .sign(privateKey);
      },
    ],
    ...["../../keys", "' OR 1=1 --", "\u0000", "__proto__", "http://evil.example/"].map(
      (kid): [string, (issuer: TestIssuer) => Promise<string>] => [
        `with the kid ${JSON.stringify(kid)}`,
        (issuer) => issuer.sign({}, { kid }),
      ],
    ),
    [
      "with another signature",
      async (issuer) => {
        const [head, , signature] = (await issuer.sign()).split(".");
        const [, body] = (await issuer.sign({ sub: "anybody" })).split(".");
        return `${head}.${body}.${signature}`;
      },
    ],
    [
      "with an unknown critical header",
      (issuer) => issuer.sign({}, { crit: ["exp"], exp: 1 } as object),
    ],
    ["that is not one", async () => "a.b.c"],
    ["that is long", async () => `${"a".repeat(20_000)}.b.c`],
  ])("a token %s", async (_, make) => {
    const issuer = await new TestIssuer().start();
    const cache = trusting(issuer);
    const token = await make(issuer).catch(() => "a.b.c");
    const response = await cache.ask(url, { headers: basic(token) });
    expect(response.status).toBe(401);
    const text = await response.text();
    expect(text).toContain("UNAUTHORIZED");
    expect(text).not.toContain(token);
    expect((await cache.ask(url, { headers: bearer(token) })).status).toBe(401);
  });

  it("a JWT of the cache's own issuer with a foreign signature", async () => {
    const { privateKey } = await generateKeyPair("Ed25519", { extractable: true });
    const cache = shutCache();
    const made = await pullToken(cache, ["**"]);
    const answer = await cache.ask("https://cache.example/token", { headers: basic(made.token) });
    const { token } = (await answer.json()) as { token: string };
    const [head = "", body = ""] = token.split(".");
    const claims = JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/")));
    const header = JSON.parse(atob(head.replaceAll("-", "+").replaceAll("_", "/")));
    const forged = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
    expect((await cache.ask(url, { headers: bearer(forged) })).status).toBe(401);
    const none = new UnsecuredJWT(claims).encode();
    expect((await cache.ask(url, { headers: bearer(none) })).status).toBe(401);
    for (const more of [{ exp: 1 }, { aud: "other" }, { access: "everything" }]) {
      const other = await new SignJWT({ ...claims, ...more })
        .setProtectedHeader(header)
        .sign(privateKey);
      expect((await cache.ask(url, { headers: bearer(other) })).status).toBe(401);
    }
  });
});

describe("an issuer's keys", () => {
  it("are read once, and again when one is unknown, at most every half minute", async () => {
    const issuer = await new TestIssuer().start();
    const cache = trusting(issuer);
    for (let at = 0; at < 3; at++) expect(await status(cache, await issuer.sign())).toBe(200);
    expect(await issuer.asked("keys")).toBe(1);
    await issuer.rotate();
    later(31_000);
    expect(await status(cache, await issuer.sign())).toBe(200);
    expect(await issuer.asked("keys")).toBe(2);
    for (let at = 0; at < 5; at++) {
      const forged = await issuer.sign({}, { kid: `unknown-${at}` });
      expect((await cache.ask(url, { headers: basic(forged) })).status).toBe(401);
    }
    expect(await issuer.asked("keys")).toBe(2);
  });

  it("serve on while the issuer is down; without stored keys the answer is 503", async () => {
    const issuer = await new TestIssuer().start();
    const cache = trusting(issuer);
    const token = await issuer.sign({ exp: Math.floor(Date.now() / 1000) + 7200 });
    expect(await status(cache, token)).toBe(200);
    await issuer.page("keys", "down", {}, 503);
    later(11 * 60_000);
    expect(await status(cache, token)).toBe(200);
    const response = await trusting(issuer).ask(url, { headers: basic(token) });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
  });

  it("that were never fetched are requested once in ten seconds, for any number of waiting requests", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const issuer = await new TestIssuer().start();
    await issuer.page("keys", "down", {}, 503);
    const cache = trusting(issuer);
    const headers = basic(await issuer.sign());
    const ask = async () => (await cache.ask(url, { headers })).status;
    expect(await Promise.all(Array.from({ length: 5 }, ask))).toEqual(Array(5).fill(503));
    expect(await ask()).toBe(503);
    expect(await issuer.asked("keys")).toBe(1);
    await issuer.page("keys", issuer.jwks);
    later(10_001);
    expect(await ask()).toBe(200);
  });

  it.each<[string, (issuer: TestIssuer, other: TestIssuer) => Promise<void>]>([
    [
      "named at another host",
      async (issuer) => void (await issuer.start({ jwks_uri: "http://localhost:9/keys" })),
    ],
    [
      "named at another port",
      async (issuer) => void (await issuer.start({ jwks_uri: fixture.url("open") })),
    ],
    [
      "named by another issuer's document",
      async (issuer, other) => void (await issuer.start({ issuer: other.url })),
    ],
    [
      "to which one is redirected",
      async (issuer, other) => {
        await issuer.start();
        await issuer.page("keys", "", { location: `${other.url}/keys` }, 302);
      },
    ],
    [
      "whose document is elsewhere",
      async (issuer, other) => {
        await issuer.start();
        const location = `${other.url}/.well-known/openid-configuration`;
        await issuer.page(".well-known/openid-configuration", "", { location }, 307);
      },
    ],
    ["that are no JSON", async (issuer) => (await issuer.start()).page("keys", "<html>")],
    [
      "that are too many",
      async (issuer) => (await issuer.start()).page("keys", "x".repeat(300_000)),
    ],
  ])("%s are not read", async (_, prepare) => {
    const issuer = new TestIssuer();
    const other = await new TestIssuer().start();
    await prepare(issuer, other);
    const response = await trusting(issuer).ask(url, { headers: basic(await issuer.sign()) });
    expect(response.status).toBe(503);
    expect(await other.asked("keys")).toBe(0);
  });
});
