// Logins of Artifact Registry and GCR: asked of a service that verifies the assertion, and that goes wrong in all ways.

import { decodeJwt, decodeProtectedHeader, exportPKCS8, generateKeyPair } from "jose";
import { afterEach, describe, expect, inject, it, vi } from "vitest";
import { readCredentials, type ServiceAccount } from "../../src/config/credentials.ts";
import { loginFor } from "../../src/upstream/authorization/login.ts";
import { basic } from "../../src/upstream/authorization/token.ts";
import { ruleOf } from "../config/rules.ts";
import { fixture, repository } from "../support/cache.ts";
import type { Fault } from "../support/fixture.ts";
import { scriptFetch } from "./scripted.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

afterEach(() => vi.unstubAllGlobals());

/** As it comes out of the key file, with the fields of the test over it. */
function account(name: string, fields: object = {}): ServiceAccount {
  const file = inject("serviceAccount");
  const KEY = { ...file, token_uri: `${fixture.url("google")}/${name}/token`, ...fields };
  const read = readCredentials({ KEY }, "KEY", "oci");
  if ("problem" in read || !("serviceAccount" in read.credentials)) {
    throw new Error("the test's own key is none");
  }
  return read.credentials.serviceAccount;
}

function ask(serviceAccount: ServiceAccount, fields: object = {}, now = Date.now()) {
  const rule = ruleOf({ upstream: fixture.url("basic"), credentials: "KEY", ...fields });
  return loginFor(rule, { serviceAccount }, now);
}

/** Also checks that it tells nothing of what it must not. */
async function refusal(login: Promise<unknown>) {
  const error = await login.then(
    () => expect.fail("it was given a login"),
    (thrown: unknown) => thrown as Error,
  );
  expect(error.message).not.toMatch(/s3cret|BEGIN|ey[JI]|gserviceaccount|[\w-]{30}/);
  return error;
}

const requests = (name: string) => fixture.requests({ server: "google", repository: name });

describe("a login", () => {
  it("is given for a service account, and opens the registry and its token service", async () => {
    const name = repository("good");
    const now = Date.now();
    const { login, expiresAt } = await ask(account(name), {}, now);
    expect(login).toEqual({
      username: "oauth2accesstoken",
      password: expect.stringMatching(/^\S{1000}$/),
    });
    // An hour less a second, as Google says, and less the five minutes at most that a request may take.
    expect(expiresAt).toBe(now + HOUR - 1000 - 5 * MINUTE);
    expect(await requests(name)).toMatchObject([
      { kind: "token", method: "POST", authorization: "none", query: "", status: 200 },
    ]);
    const headers = { Authorization: basic(login) };
    const opened = await fetch(`${fixture.url("basic")}/v2/`, { headers });
    expect(await opened.json()).toEqual({});
  });

  it("that lasts ten minutes is lent for nine", async () => {
    const name = repository("short");
    await fixture.token({ repository: name, expiresIn: 600 });
    const now = Date.now();
    expect((await ask(account(name), {}, now)).expiresAt).toBe(now + 9 * MINUTE);
  });

  it("is given for a key without a name", async () => {
    const { privateKeyId, ...nameless } = account(repository("nameless"));
    expect(privateKeyId).toMatch(/^\w{40}$/);
    expect((await ask(nameless)).login.username).toBe("oauth2accesstoken");
  });

  it("is requested as Google documents it", async () => {
    const uri = "https://oauth2.googleapis.com/token";
    const answer = { access_token: "ya29.c.b0Aaek...", expires_in: 3599, token_type: "Bearer" };
    const sent = scriptFetch({ [`POST ${uri}`]: () => Response.json(answer) });
    const now = Date.UTC(2026, 9, 3, 10, 11, 12, 345);
    const { login } = await ask(account("", { token_uri: uri }), {}, now);
    expect(login).toEqual({ username: "oauth2accesstoken", password: "ya29.c.b0Aaek..." });
    const [request] = sent;
    expect(request?.headers.get("content-type")).toBe("application/x-www-form-urlencoded");
    const {
      grant_type,
      assertion = "",
      ...rest
    } = Object.fromEntries(new URLSearchParams(request?.body ?? ""));
    expect(rest).toEqual({});
    expect(grant_type).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    expect(decodeProtectedHeader(assertion)).toEqual({
      alg: "RS256",
      typ: "JWT",
      kid: inject("serviceAccount").private_key_id,
    });
    expect(decodeJwt(assertion)).toEqual({
      iss: inject("serviceAccount").client_email,
      scope: "https://www.googleapis.com/auth/cloud-platform",
      aud: uri,
      iat: Math.floor(now / 1000),
      exp: Math.floor(now / 1000) + 3600,
    });
  });
});

describe("a service account is refused", () => {
  const other = async (algorithm = "RS256") =>
    exportPKCS8((await generateKeyPair(algorithm, { extractable: true })).privateKey);

  it.each<{ title: string; fields: () => Promise<object>; skew?: number }>([
    {
      title: "that is unknown",
      fields: async () => ({ client_email: "s3cret@fixture.example" }),
    },
    { title: "with a key of another", fields: async () => ({ private_key: await other() }) },
    { title: "with a key that is gone", fields: async () => ({ private_key_id: "gone" }) },
    { title: "by a clock that is behind", fields: async () => ({}), skew: -61 * MINUTE },
    { title: "by a clock that is ahead", fields: async () => ({}), skew: 61 * MINUTE },
  ])("$title", async ({ fields, skew = 0 }) => {
    const name = repository("refused");
    const error = await refusal(ask(account(name, await fields()), {}, Date.now() + skew));
    expect(error).toMatchObject({
      code: "UNAUTHORIZED",
      status: 401,
      upstreamStatus: 400,
      message: `${fixture.host("google")} answered 400: invalid_grant`,
    });
    expect(await requests(name)).toHaveLength(1);
  });

  it.each<[string, () => Promise<string>]>([
    ["no key", async () => pem("AAAA")],
    ["half of one", async () => pem(inject("serviceAccount").private_key.slice(28, 400))],
    ["one of another kind", () => other("ES256")],
  ])("whose private key is %s", async (_, key) => {
    const name = repository("unusable");
    const error = await refusal(ask(account(name, { private_key: await key() })));
    expect(error).toMatchObject({ code: "UNKNOWN", status: 500 });
    expect(error.message).toContain("private_key");
    expect(await requests(name)).toEqual([]);
  });
});

function pem(content: string): string {
  return `-----BEGIN PRIVATE KEY-----\n${content}\n-----END PRIVATE KEY-----\n`;
}

/** An error as the service writes it; without a code, as something before it does. */
const said = (status: number, error?: unknown): Fault => ({
  status,
  body: error ? JSON.stringify({ error, error_description: "you sent s3cret" }) : "<html>",
});

describe("the service may", () => {
  it.each<{ title: string; fault: Fault; code: string; status: number; words?: RegExp }>([
    {
      title: "not know the client",
      fault: said(401, "invalid_client"),
      code: "UNAUTHORIZED",
      status: 401,
      words: /401: invalid_client$/,
    },
    {
      title: "refuse the client",
      fault: said(400, "unauthorized_client"),
      code: "UNAUTHORIZED",
      status: 401,
    },
    {
      title: "refuse without a word",
      fault: said(401),
      code: "UNAUTHORIZED",
      status: 401,
      words: /answered 401$/,
    },
    {
      title: "deny",
      fault: said(403, "access_denied"),
      code: "DENIED",
      status: 403,
      words: /: access_denied$/,
    },
    {
      title: "deny in another form",
      fault: said(403, { code: 403, message: "s3cret" }),
      code: "DENIED",
      status: 403,
      words: /403$/,
    },
    {
      title: "throttle",
      fault: said(429, "rate_limit_exceeded"),
      code: "TOOMANYREQUESTS",
      status: 429,
    },
    {
      title: "complain",
      fault: said(400, "invalid_scope"),
      code: "UNAVAILABLE",
      status: 502,
      words: /: invalid_scope$/,
    },
    {
      title: "complain in a strange way",
      fault: said(400, "S3cret s3cret"),
      code: "UNAVAILABLE",
      status: 502,
      words: /400$/,
    },
    { title: "not be there", fault: said(404), code: "UNAVAILABLE", status: 502 },
    { title: "fail", fault: said(500, "internal_failure"), code: "UNAVAILABLE", status: 502 },
    { title: "be overloaded", fault: said(503), code: "UNAVAILABLE", status: 503 },
    { title: "hang up", fault: { reset: true }, code: "UNAVAILABLE", status: 502 },
    { title: "break off", fault: { cutAfter: 100 }, code: "UNAVAILABLE", status: 502 },
    {
      title: "redirect",
      fault: { redirect: `${fixture.url("open")}/v2/` },
      code: "UNAVAILABLE",
      status: 502,
      words: /redirected/,
    },
    {
      title: "redirect within itself",
      fault: { redirect: "/token" },
      code: "UNAVAILABLE",
      status: 502,
      words: /redirected/,
    },
    {
      title: "answer with a page",
      fault: { html: true },
      code: "UNAVAILABLE",
      status: 502,
      words: /without a login$/,
    },
  ])("$title", async ({ fault, code, status, words = /./ }) => {
    const name = repository("service");
    await fixture.fault({ match: { server: "google", repository: name }, do: fault });
    const error = await refusal(ask(account(name)));
    expect(error).toMatchObject({ code, status });
    expect(error.message).toContain(fixture.host("google"));
    expect(error.message).toMatch(words);
    expect(await requests(name)).toHaveLength(1);
    expect((await ask(account(name))).login.username).toBe("oauth2accesstoken");
  });

  it("send a Retry-After", async () => {
    const name = repository("retry-after");
    const fault = { ...said(429), headers: { "retry-after": "7" } };
    await fixture.fault({ match: { server: "google", repository: name }, do: fault });
    const error = await refusal(ask(account(name)));
    expect(error).toMatchObject({ headers: { "Retry-After": "7" } });
  });

  it.each<[string, object]>([
    ["nothing", {}],
    ["an identity token", { id_token: "s3cret" }],
    ["no token", { expires_in: 3599 }],
    ["an empty one", { access_token: "", expires_in: 3599 }],
    ["two lines", { access_token: "s3cret\r\nX: y", expires_in: 3599 }],
    ["no life", { access_token: "s3cret" }],
    ["a life in words", { access_token: "s3cret", expires_in: "3599" }],
    ["a life that is over", { access_token: "s3cret", expires_in: 0 }],
  ])("send an invalid answer: %s", async (_, body) => {
    const name = repository("malformed");
    const fault = { status: 200, body: JSON.stringify(body) };
    await fixture.fault({ match: { server: "google", repository: name }, do: fault });
    const error = await refusal(ask(account(name)));
    expect(error).toMatchObject({ code: "UNAVAILABLE", status: 502 });
    expect(error.message).toBe(`${fixture.host("google")} answered without a login`);
  });

  it.each<{ title: string; fault: Fault; fields: object; words: RegExp }>([
    {
      title: "not answer",
      fault: {},
      fields: { firstByteTimeout: "100ms" },
      words: /did not answer within 100 ms/,
    },
    {
      title: "fall silent",
      fault: { after: 50 },
      fields: { silenceTimeout: "100ms" },
      words: /sent nothing for 100 ms/,
    },
  ])("$title in time", async ({ fault, fields, words }) => {
    const name = repository("silent");
    const match = { server: "google", repository: name } as const;
    await fixture.fault({ match, do: { ...fault, hold: name } });
    const error = await refusal(ask(account(name), fields));
    expect(error).toMatchObject({ code: "UNAVAILABLE", status: 504 });
    expect(error.message).toContain(fixture.host("google"));
    expect(error.message).toMatch(words);
    await fixture.release(name);
  });
});
