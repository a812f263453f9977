// Logins of private ECR registries: asked of a service that verifies the signature, and that goes wrong in all ways.

import { afterEach, describe, expect, it, vi } from "vitest";
import type { AccessKey } from "../../src/config/credentials.ts";
import { loginFor } from "../../src/upstream/authorization/login.ts";
import { basic } from "../../src/upstream/authorization/token.ts";
import { ruleOf } from "../config/rules.ts";
import { fixture, repository } from "../support/cache.ts";
import { ACCESS_KEYS, type Fault, REGION } from "../support/fixture.ts";
import { scriptFetch } from "./scripted.ts";

const { lasting, lent, expired, powerless } = ACCESS_KEYS;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

afterEach(() => vi.unstubAllGlobals());

function ask(name: string, accessKey: AccessKey = lasting, fields: object = {}, now = Date.now()) {
  const rule = ruleOf({
    kind: "ecr",
    upstream: fixture.url("basic"),
    endpoint: `${fixture.url("aws")}/${name}`,
    region: REGION,
    credentials: "KEY",
    ...fields,
  });
  return loginFor(rule, { accessKey }, now);
}

/** Also checks that it tells nothing of what it must not. */
async function refusal(login: Promise<unknown>) {
  const error = await login.then(
    () => expect.fail("it was given a login"),
    (thrown: unknown) => thrown as Error,
  );
  expect(error.message).not.toMatch(/AKIA|ASIA|s3cret|s3ssion|not-it|AWS4|[0-9a-f]{32}/);
  return error;
}

const requests = (name: string) => fixture.requests({ server: "aws", repository: name });

describe("a login", () => {
  it.each<[string, AccessKey]>([
    ["a key that lasts", lasting],
    ["a key that was lent", lent],
  ])("is given for %s, and opens the registry", async (_, key) => {
    const name = repository("good");
    const now = Date.now();
    const { login, expiresAt } = await ask(name, key, {}, now);
    expect(login).toEqual({ username: "AWS", password: expect.stringMatching(/^\S{2500}$/) });
    // Twelve hours, less the five minutes at most that a request may take.
    expect(expiresAt).toBeGreaterThanOrEqual(now + 12 * HOUR - 5 * MINUTE);
    expect(expiresAt).toBeLessThan(now + 12 * HOUR - 4 * MINUTE);
    expect(await requests(name)).toMatchObject([
      { kind: "token", method: "POST", authorization: "aws4", status: 200, userAgent: "entrepot" },
    ]);
    const opened = await fetch(`${fixture.url("basic")}/v2/`, {
      headers: { Authorization: basic(login) },
    });
    expect(await opened.json()).toEqual({});
  });

  it("that lasts ten minutes is lent for nine", async () => {
    const name = repository("short");
    await fixture.token({ repository: name, expiresIn: 600 });
    const now = Date.now();
    const { expiresAt } = await ask(name, lasting, {}, now);
    expect(Math.abs(expiresAt - now - 9 * MINUTE)).toBeLessThan(10_000);
  });

  it("is requested as AWS documents it", async () => {
    const answer = {
      authorizationData: [
        {
          authorizationToken: btoa("AWS:eyJwYXlsb2FkIjoi:x"),
          expiresAt: 1448878779.809,
          proxyEndpoint: "https://012345678910.dkr.ecr.us-east-1.amazonaws.com",
        },
      ],
    };
    const url = "https://api.ecr.us-east-1.amazonaws.com/";
    const sent = scriptFetch({ [`POST ${url}`]: () => Response.json(answer) });
    const rule = ruleOf({
      kind: "ecr",
      upstream: "012345678910.dkr.ecr.us-east-1.amazonaws.com",
      credentials: "KEY",
    });
    const now = Date.UTC(2015, 10, 29, 22, 19, 39, 809);
    const { login, expiresAt } = await loginFor(rule, { accessKey: lent }, now);
    expect(login).toEqual({ username: "AWS", password: "eyJwYXlsb2FkIjoi:x" });
    expect(expiresAt).toBeCloseTo(now + 12 * HOUR - 5 * MINUTE, 0);
    const [request] = sent;
    expect(request?.body).toBe("{}");
    expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
      "x-amz-date": "20151129T221939Z",
      "x-amz-security-token": lent.sessionToken,
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=ASIA\w+\/20151129\/us-east-1\/ecr\/aws4_request, SignedHeaders=\S+, Signature=\w{64}$/,
      ),
    });
  });
});

describe("an access key is refused", () => {
  const other = `${lasting.secretAccessKey.slice(0, -1)}_`;
  it.each<{ title: string; key: AccessKey; type: string; status: number; skew?: number }>([
    {
      title: "that is unknown",
      key: { ...lasting, accessKeyId: "AKIANOBODY" },
      type: "UnrecognizedClient",
      status: 401,
    },
    {
      title: "with another secret",
      key: { ...lasting, secretAccessKey: other },
      type: "InvalidSignature",
      status: 401,
    },
    {
      title: "with another session",
      key: { ...lent, sessionToken: "not-it" },
      type: "UnrecognizedClient",
      status: 401,
    },
    {
      title: "with a secret of no session",
      key: { ...lent, secretAccessKey: other },
      type: "InvalidSignature",
      status: 401,
    },
    { title: "that has run out", key: expired, type: "ExpiredToken", status: 401 },
    { title: "that may not ask", key: powerless, type: "AccessDenied", status: 403 },
    {
      title: "by a clock that is behind",
      key: lasting,
      type: "InvalidSignature",
      status: 401,
      skew: -16 * MINUTE,
    },
    {
      title: "by a clock that is ahead",
      key: lasting,
      type: "InvalidSignature",
      status: 401,
      skew: 16 * MINUTE,
    },
  ])("$title", async ({ key, type, status, skew = 0 }) => {
    const name = repository("refused");
    const error = await refusal(ask(name, key, {}, Date.now() + skew));
    expect(error).toMatchObject({
      code: status === 403 ? "DENIED" : "UNAUTHORIZED",
      status,
      upstreamStatus: 400,
      message: `${fixture.host("aws")} answered 400: ${type}Exception`,
    });
    expect(await requests(name)).toHaveLength(1);
  });

  it("for another region", async () => {
    const name = repository("region");
    const error = await refusal(ask(name, lasting, { region: "eu-west-2" }));
    expect(error).toMatchObject({ code: "UNAUTHORIZED", status: 401 });
  });

  it("by a rule that is not of that kind", async () => {
    const rule = ruleOf({ upstream: fixture.url("basic"), credentials: undefined });
    const error = await refusal(loginFor(rule, { accessKey: lasting }, Date.now()));
    expect(error).toMatchObject({ code: "UNKNOWN", status: 500 });
  });
});

/** An error as the service writes it; without a type, as something before it does. */
const said = (status: number, type?: string): Fault => ({
  status,
  body: type
    ? JSON.stringify({ __type: type, message: `you sent ${lent.sessionToken}` })
    : "<html>",
});

describe("the service may", () => {
  it.each<{ title: string; fault: Fault; code: string; status: number; words?: RegExp }>([
    {
      title: "throttle",
      fault: said(400, "ThrottlingException"),
      code: "TOOMANYREQUESTS",
      status: 429,
      words: /: ThrottlingException$/,
    },
    {
      title: "throttle by status",
      fault: said(429),
      code: "TOOMANYREQUESTS",
      status: 429,
      words: /answered 429$/,
    },
    {
      title: "refuse by status",
      fault: said(403),
      code: "UNAUTHORIZED",
      status: 401,
      words: /answered 403$/,
    },
    { title: "refuse by 401", fault: said(401), code: "UNAUTHORIZED", status: 401 },
    {
      title: "deny by status",
      fault: said(403, "AccessDeniedException"),
      code: "DENIED",
      status: 403,
    },
    {
      title: "write types with a namespace",
      fault: said(400, "com.amazon.coral.service#UnrecognizedClientException"),
      code: "UNAUTHORIZED",
      status: 401,
      words: /400: UnrecognizedClientException$/,
    },
    {
      title: "write types without a suffix",
      fault: said(400, "IncompleteSignature"),
      code: "UNAUTHORIZED",
      status: 401,
    },
    {
      title: "miss the key",
      fault: said(400, "MissingAuthenticationTokenException"),
      code: "UNAUTHORIZED",
      status: 401,
    },
    {
      title: "complain",
      fault: said(400, "InvalidParameterException"),
      code: "UNAVAILABLE",
      status: 502,
      words: /: InvalidParameter/,
    },
    {
      title: "complain in a strange way",
      fault: said(400, lent.secretAccessKey),
      code: "UNAVAILABLE",
      status: 502,
      words: /400$/,
    },
    { title: "not be there", fault: said(404), code: "UNAVAILABLE", status: 502 },
    { title: "fail", fault: said(500, "ServerException"), code: "UNAVAILABLE", status: 502 },
    {
      title: "fail without a word",
      fault: said(500),
      code: "UNAVAILABLE",
      status: 502,
      words: /answered 500$/,
    },
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
      fault: { redirect: "/" },
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
    {
      title: "answer without end",
      fault: { status: 200, body: " ".repeat(1e6) },
      code: "UNAVAILABLE",
      status: 502,
    },
  ])("$title", async ({ fault, code, status, words = /./ }) => {
    const name = repository("service");
    await fixture.fault({ match: { server: "aws", repository: name }, do: fault });
    const error = await refusal(ask(name));
    expect(error).toMatchObject({ code, status });
    expect(error.message).toContain(fixture.host("aws"));
    expect(error.message).toMatch(words);
    expect(await requests(name)).toHaveLength(1);
    expect((await ask(name)).login.username).toBe("AWS");
  });

  it("send a Retry-After", async () => {
    const name = repository("retry-after");
    const fault = { ...said(400, "ThrottlingException"), headers: { "retry-after": "7" } };
    await fixture.fault({ match: { server: "aws", repository: name }, do: fault });
    expect(await refusal(ask(name))).toMatchObject({
      headers: { "Retry-After": "7" },
      upstreamStatus: 400,
    });
  });

  const token = btoa("AWS:s3cret-password");
  const inTwoHours = () => Date.now() / 1000 + 7200;
  it.each<[string, object]>([
    ["nothing", {}],
    ["no data", { authorizationData: [] }],
    ["no token", { authorizationData: [{ expiresAt: inTwoHours() }] }],
    ["no end", { authorizationData: [{ authorizationToken: token }] }],
    ["an end in words", { authorizationData: [{ authorizationToken: token, expiresAt: "soon" }] }],
    [
      "an end that was",
      { authorizationData: [{ authorizationToken: token, expiresAt: 1448878779 }] },
    ],
    ...[
      "AWS:s3cret",
      "",
      btoa("s3cret"),
      btoa("AWS:"),
      btoa(":s3cret"),
      btoa("AWS:s3cret\r\nX: y"),
    ].map((authorizationToken): [string, object] => [
      JSON.stringify(authorizationToken),
      { authorizationData: [{ authorizationToken, expiresAt: inTwoHours() }] },
    ]),
  ])("send an invalid answer: %s", async (_, body) => {
    const name = repository("malformed");
    const fault = { status: 200, body: JSON.stringify(body) };
    await fixture.fault({ match: { server: "aws", repository: name }, do: fault });
    const error = await refusal(ask(name));
    expect(error).toMatchObject({ code: "UNAVAILABLE", status: 502 });
    expect(error.message).toBe(`${fixture.host("aws")} answered without a login`);
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
    const match = { server: "aws", repository: name } as const;
    await fixture.fault({ match, do: { ...fault, hold: name } });
    const error = await refusal(ask(name, lasting, fields));
    expect(error).toMatchObject({ code: "UNAVAILABLE", status: 504 });
    expect(error.message).toContain(fixture.host("aws"));
    expect(error.message).toMatch(words);
    await fixture.release(name);
  });
});

it("an unreachable service is reported as unreachable", async () => {
  const error = await refusal(ask("nowhere", lasting, { endpoint: "http://127.0.0.1:1" }));
  expect(error).toMatchObject({ code: "UNAVAILABLE", status: 502 });
  expect(error.message).toContain("127.0.0.1:1");
});
