// Whatever clients send: an answer that a client understands, no fault of ours, and no request to a host that the configuration does not name.

import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { pullToken, shutCache } from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { TestIssuer } from "../support/issuer.ts";
import { digest, expectUnderstood, headerValue, RUNS, watchRequests } from "./fuzzing.ts";

const issuer = new TestIssuer();
let token: string;
let jwt: string;
let shut: Cache;
const open = new Cache();
const name = repository("fuzz");

beforeAll(async () => {
  await issuer.start();
  await fixture.image(name, "1");
  shut = shutCache(
    {},
    {
      issuers: [
        {
          issuer: issuer.url,
          audience: "entrepot.example",
          claims: { sub: "s*" },
          repositories: ["**"],
        },
      ],
    },
  );
  token = (await pullToken(shut, ["**"])).token;
  jwt = await issuer.sign();
});

watchRequests();

const odd = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    ...[
      "",
      ".",
      "..",
      "%2e%2e",
      "%00",
      "%0d%0aX: y",
      "a//b",
      "-",
      "_",
      "library",
      "%25",
      "💥",
      "a".repeat(300),
    ],
    ...[
      digest,
      `${digest}0`,
      "sha256:",
      `sha512:${"b".repeat(128)}`,
      `SHA256:${"a".repeat(64)}`,
      "md5:1",
      "1",
      "latest",
    ],
  ),
);
const part = fc.oneof(
  odd,
  fc.constantFrom(
    "v2",
    "open",
    "basic",
    name,
    "manifests",
    "blobs",
    "tags",
    "list",
    "referrers",
    "token",
    "api",
    "tokens",
  ),
);
const path = fc.oneof(
  fc
    .array(part, { maxLength: 7 })
    .map(
      (parts) =>
        `/${parts.map((one) => encodeURI(one.toWellFormed()).replaceAll(/[?#]/g, "")).join("/")}`,
    ),
  fc
    .tuple(part, fc.constantFrom("manifests", "blobs", "referrers", "tags"), odd)
    .map(
      ([own, kind, last]) =>
        `/v2/open/${encodeURIComponent(own.toWellFormed())}/${kind}/${encodeURIComponent(last.toWellFormed())}`,
    ),
);
const query = fc.dictionary(
  fc.constantFrom(
    "ns",
    "n",
    "last",
    "artifactType",
    "scope",
    "service",
    "account",
    "policy",
    "before",
  ),
  fc.oneof(
    odd,
    fc.constantFrom(
      "docker.io",
      "169.254.169.254",
      "http://10.0.0.1/",
      `127.0.0.1:${fixture.ports.open}`,
      "repository:open/x:pull",
      "999999999999999999999",
    ),
  ),
  { maxKeys: 3 },
);
const range = fc.oneof(
  headerValue,
  fc
    .tuple(fc.bigInt({ min: -5n, max: 1n << 70n }), fc.bigInt({ min: -5n, max: 1n << 70n }))
    .map(([first, last]) => `bytes=${first}-${last}`),
  fc.constantFrom(
    "bytes=0-0,2-3",
    "bytes=-",
    "bytes=--1",
    "bytes=5-1",
    "items=0-1",
    "bytes=0-99999999999999999999",
  ),
);
const part64 = fc.oneof(
  fc.json().map((text) => Buffer.from(text).toString("base64url")),
  fc.constantFrom(
    ...[
      { alg: "none" },
      { alg: "HS256", kid: "../x" },
      { alg: "EdDSA", kid: null },
      { alg: ["EdDSA"] },
      { iss: "entrepot" },
    ].map((header) => Buffer.from(JSON.stringify(header)).toString("base64url")),
  ),
  fc.string({ maxLength: 20 }).map((text) => text.replaceAll(/[^\w-]/g, "")),
);
/** With one character changed; never the last one, some bits of which may mean nothing. */
const bitten = (text: () => string) =>
  fc
    .tuple(fc.nat(500), fc.constantFrom(..."0123456789abcdefghijklmnopqrstuvwxyz"))
    .map(([at, other]) => {
      const good = text();
      const place = at % (good.length - 1);
      const next = good[place] === other ? "Z" : other;
      return good.slice(0, place) + next + good.slice(place + 1);
    });
const secret = fc.oneof(
  odd,
  fc.tuple(part64, part64, part64).map((parts) => parts.join(".")),
  bitten(() => token),
  bitten(() => jwt),
);
const authorization = fc.oneof(
  headerValue,
  secret.map((text) => `Bearer ${text.replaceAll(/[^\x21-\x7e]/g, "x")}`),
  secret.map((text) => `Basic ${Buffer.from(`u:${text}`).toString("base64")}`),
  fc.constantFrom("Basic", "Bearer", "Basic !!!", "Basic Og==", `Bearer ${"x".repeat(40_000)}`),
);
const headers = fc.record(
  {
    Accept: headerValue,
    Range: range,
    "If-Range": headerValue,
    "If-None-Match": headerValue,
    Authorization: authorization,
    "Cf-Access-Jwt-Assertion": secret.map((text) => text.replaceAll(/[^\x21-\x7e]/g, "x")),
    "CF-Connecting-IP": headerValue,
    "Cache-Control": headerValue,
    Link: headerValue,
    "X-Forwarded-Host": fc.constant("169.254.169.254"),
  },
  { requiredKeys: [] },
);
const host = fc.constantFrom(
  "cache.example",
  "CACHE.example.",
  "a.b.c.example:8443",
  "169.254.169.254",
  "[::1]",
  "xn--bcher-kva.example",
  "localhost",
);
const method = fc.constantFrom("GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS");

it("a client's request is answered, whatever it is", async () => {
  await fc.assert(
    fc.asyncProperty(
      path,
      query,
      host,
      method,
      headers,
      fc.boolean(),
      async (path, query, host, method, headers, isShut) => {
        const url = `https://${host}${path}?${new URLSearchParams(query)}`;
        if (!URL.canParse(url)) return;
        const response = await (isShut ? shut : open).ask(url, { method, headers });
        await expectUnderstood(response, { url, method, headers });
        if (isShut && path.startsWith("/v2") && response.status < 300)
          expect(headers.Authorization ?? headers["Cf-Access-Jwt-Assertion"]).toBeDefined();
      },
    ),
    { numRuns: RUNS * 3, endOnFailure: true },
  );
});

it("credentials that are none open nothing", async () => {
  await fc.assert(
    fc.asyncProperty(authorization, async (authorization) => {
      const response = await shut.fetch(`open/${name}/manifests/1`, {
        headers: { Authorization: authorization },
      });
      await expectUnderstood(response, authorization);
      expect([authorization, response.status]).toEqual([authorization, 401]);
    }),
    { numRuns: RUNS * 2, endOnFailure: true },
  );
});

it("what the API and the token service are sent is answered", async () => {
  const body = fc.oneof(
    fc.json(),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc
      .dictionary(
        fc.constantFrom("grant_type", "password", "refresh_token", "scope", "username"),
        odd,
      )
      .map((form) => new URLSearchParams(form).toString()),
    fc
      .record(
        {
          name: fc.anything(),
          repositories: fc.anything(),
          expiry: fc.anything(),
          networks: fc.anything(),
        },
        { requiredKeys: [] },
      )
      .map((value) => {
        try {
          return JSON.stringify(value);
        } catch {
          return "{}"; // what JSON cannot say
        }
      }),
  );
  const headers = { Authorization: "Bearer an-admin-token-of-the-tests-0123" };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("/token", "/api/tokens", "/api/lifecycle/preview"),
      body,
      fc.boolean(),
      async (path, body, isForm) => {
        const type = isForm ? "application/x-www-form-urlencoded" : "application/json";
        const init = { method: "POST", body, headers: { ...headers, "Content-Type": type } };
        await expectUnderstood(await shut.ask(`https://cache.example${path}`, init), {
          path,
          body,
        });
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  );
});
