// Whatever comes in, from clients and from upstreams: an answer that a client understands, no fault of ours, and no request to anybody
// whom the configuration does not name.

import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { pullToken, shutCache } from "../support/access.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { TYPES } from "../support/fixture.ts";
import { TestIssuer } from "../support/issuer.ts";
import { receive } from "../support/transfers.ts";

const RUNS = Number(import.meta.env.VITE_RUNS ?? 150);
const issuer = new TestIssuer();
let token: string;
let jwt: string;
let shut: Cache;
const open = new Cache();
const name = repository("fuzz");
/** Where requests went. */
let hosts: Set<string>;

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

beforeEach(() => {
  hosts = new Set();
  const { fetch } = globalThis;
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    hosts.add(new URL(input instanceof Request ? input.url : String(input)).host);
    return fetch(input as string, init as RequestInit);
  });
  for (const how of ["log", "warn", "error"] as const)
    vi.spyOn(console, how).mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
});

const KNOWN = () =>
  new Set(
    (["open", "bearer", "basic", "token", "cdn", "issuer", "control"] as const).map(
      (server) => `127.0.0.1:${fixture.ports[server]}`,
    ),
  );

/** What the house throws without knowing why is a fault. */
async function expectUnderstood(response: Response, what: unknown): Promise<void> {
  const text = await response.text();
  expect([what, response.status]).not.toEqual([what, 500]);
  if (response.status >= 400 && text !== "") {
    const isProblem = response.headers.get("content-type") === "application/problem+json";
    const { type, errors } = JSON.parse(text) as { type?: string; errors: { code: string }[] };
    if (isProblem) expect(type).toMatch(/^\/guide\/api#[a-z-]+$/);
    else expect(errors[0]?.code).toMatch(/^[A-Z_]+$/);
    expect(text.length).toBeLessThan(4000);
  }
  for (const [, value] of response.headers) expect(value).not.toMatch(/[\r\n\0]/);
  for (const host of hosts) expect(KNOWN()).toContain(host);
}

const digest = `sha256:${"a".repeat(64)}`;
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
/** A header's value, as far as it can be sent at all. */
const value = fc.oneof(
  fc
    .string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 60,
    })
    .map((text) => text.trim()),
  fc.constantFrom("*", "a".repeat(5000), ",,,;;;===", '"', "q=;q=1,*/*;q=", "\t"),
);
const range = fc.oneof(
  value,
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
  value,
  secret.map((text) => `Bearer ${text.replaceAll(/[^\x21-\x7e]/g, "x")}`),
  secret.map((text) => `Basic ${Buffer.from(`u:${text}`).toString("base64")}`),
  fc.constantFrom("Basic", "Bearer", "Basic !!!", "Basic Og==", `Bearer ${"x".repeat(40_000)}`),
);
const headers = fc.record(
  {
    Accept: value,
    Range: range,
    "If-Range": value,
    "If-None-Match": value,
    Authorization: authorization,
    "Cf-Access-Jwt-Assertion": secret.map((text) => text.replaceAll(/[^\x21-\x7e]/g, "x")),
    "CF-Connecting-IP": value,
    "Cache-Control": value,
    Link: value,
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

describe("an upstream's manifest", () => {
  const descriptor = fc.record(
    {
      mediaType: fc.oneof(
        fc.constantFrom(
          TYPES.oci.layer,
          TYPES.oci.manifest,
          "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ),
        fc.anything(),
      ),
      digest: fc.oneof(fc.constantFrom(digest, "sha256:x", "../../x", ""), fc.anything()),
      size: fc.oneof(fc.constantFrom(-1, Number.MAX_VALUE, 2 ** 60, 0.5), fc.anything()),
      urls: fc.constantFrom(["http://169.254.169.254/x"], "http://10.0.0.1", [null]),
      platform: fc.oneof(
        fc.anything(),
        fc.record({ os: fc.anything(), architecture: fc.anything() }),
      ),
    },
    { requiredKeys: [] },
  );
  const manifest = fc.record(
    {
      schemaVersion: fc.oneof(fc.constant(2), fc.anything()),
      mediaType: fc.oneof(
        fc.constantFrom(TYPES.oci.manifest, TYPES.oci.index, TYPES.docker.index, "x\u0000y"),
        fc.anything(),
      ),
      config: fc.oneof(descriptor, fc.anything()),
      layers: fc.oneof(fc.array(descriptor), fc.anything()),
      manifests: fc.oneof(fc.array(descriptor), fc.anything()),
      subject: fc.oneof(descriptor, fc.anything()),
      annotations: fc.anything(),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.json(),
    manifest.map((value) => {
      try {
        return JSON.stringify(value) ?? "null";
      } catch {
        return "{"; // what JSON cannot say
      }
    }),
    fc.constantFrom(
      "[".repeat(100_000),
      `{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
      `{"schemaVersion":2,"config":{"digest":"${digest}","digest":"sha256:x"},"layers":[],"layers":5}`,
      `{"schemaVersion":2,"mediaType":"${TYPES.oci.manifest}","layers":[${Array(5000).fill(`{"mediaType":"${TYPES.oci.layer}","digest":"${digest}","size":1}`).join(",")}]}`,
      '{"__proto__":{"mediaType":"x"},"constructor":1,"toString":null}',
      "\ufeff{}",
      "",
    ),
  );

  it("is answered as it is, or refused; and the next one is answered still", async () => {
    const cache = cacheApart();
    let at = 0;
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.constantFrom(TYPES.oci.manifest, TYPES.oci.index, "text/html", "x"),
        async (text, mediaType) => {
          at += 1;
          await fixture.manifest(name, text, { tag: `f${at}`, mediaType });
          for (const headers of [{ Accept: "*/*" }, { Accept: TYPES.docker.manifest }]) {
            const response = await cache.fetch(`open/${name}/manifests/f${at}`, { headers });
            const status = response.status;
            if (status === 200 && headers.Accept === "*/*")
              expect(await response.clone().text()).toBe(text.replace("\ufeff", ""));
            await expectUnderstood(response, text.slice(0, 300));
          }
          await cache.settled();
        },
      ),
      { numRuns: RUNS / 2, endOnFailure: true },
    );
    expect((await cache.fetch(`open/${name}/manifests/1`)).status).toBe(200);
  });
});

it("an upstream's headers and challenges are taken for what they are worth", async () => {
  const header = fc.constantFrom(
    ...[
      "docker-content-digest",
      "content-type",
      "link",
      "www-authenticate",
      "retry-after",
      "ratelimit-limit",
      "ratelimit-remaining",
    ],
    ...[
      "location",
      "content-range",
      "etag",
      "oci-filters-applied",
      "content-encoding",
      "set-cookie",
      "warning",
    ],
  );
  const worth = fc.oneof(
    value,
    fc.constantFrom(
      'Bearer realm="http://169.254.169.254/",service="x"',
      'Bearer realm="https://evil.example/token"',
      'Bearer realm="',
      "Basic, Bearer realm=x,,,=",
      '<http://10.0.0.1/v2/x/tags/list?last=1>; rel="next"',
      '</v2/other/tags/list?last=1>; rel="next"',
      "<",
      "Wed, 21 Oct 2099 07:28:00 GMT",
      "-1",
      "1e999",
      "100;w=0",
      digest,
      "a".repeat(9_000),
      "//169.254.169.254/x",
      "\\\\evil",
    ),
  );
  const status = fc.constantFrom(200, 200, 206, 302, 307, 400, 401, 403, 404, 416, 429, 500, 503);
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(header, worth, { minKeys: 1, maxKeys: 3 }),
      status,
      async (given, status) => {
        const own = repository("headers");
        const image = await fixture.image(own, "1");
        const fault = { headers: given, ...(status !== 200 && { status }) };
        await fixture.fault({ match: { repository: own }, times: 0, do: fault });
        await fixture.fault({
          match: { repository: own, unauthorized: true },
          times: 0,
          do: fault,
        });
        const cache = cacheApart({ firstByteTimeout: "2s" });
        for (const path of [
          "manifests/1",
          `blobs/${image.config.digest}`,
          "tags/list",
          `referrers/${image.digest}`,
        ])
          for (const door of ["open", "bearer"]) {
            const response = await cache.fetch(`${door}/${own}/${path}`);
            await expectUnderstood(response, { given, status, path });
          }
      },
    ),
    { numRuns: RUNS / 6, endOnFailure: true },
  );
});

it("an upstream that does not speak HTTP well is told as one that failed", async () => {
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n";
  const lines = fc.oneof(
    fc
      .tuple(
        fc.constantFrom("Docker-Content-Digest", "Content-Type", "Content-Length", "Link", "X"),
        fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 30 }),
      )
      .map(([key, text]) => `${key}: ${text}\r\n`),
    fc.constantFrom(
      ...[
        "X: \0\r\n",
        "X: a\x07b\x1b[31m\r\n",
        "X : y\r\n",
        " folded\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: -1\r\n",
      ],
      ...[
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Encoding: gzip\r\n",
      ],
      ...[
        `X: ${"y".repeat(100_000)}\r\n`,
        "X: y\r\n".repeat(3000),
        `Docker-Content-Digest: ${digest}\r\n`.repeat(2),
      ],
    ),
  );
  const raw = fc.oneof(
    lines.map((line) => `${ok}${line}\r\n{}`),
    fc.constantFrom(
      "",
      "HTTP/1.1 200",
      "HTTP/9.9 999 X\r\n\r\n",
      "<html>",
      "HTTP/1.1 100 Continue\r\n\r\n",
      `${ok}\r\n{`,
    ),
  );
  await fc.assert(
    fc.asyncProperty(raw, async (raw) => {
      const own = repository("raw");
      const image = await fixture.image(own, "1");
      await fixture.fault({ match: { repository: own }, times: 0, do: { raw } });
      const cache = cacheApart({ firstByteTimeout: "2s" });
      for (const path of [
        "manifests/1",
        `manifests/${image.digest}`,
        `blobs/${image.config.digest}`,
        "tags/list",
      ]) {
        const response = await cache.fetch(`open/${own}/${path}`);
        // Where its length was not told a blob is begun, and broken off.
        if (path.includes("sha256:") && response.ok)
          expect(await receive(response)).toMatchObject({ whole: false });
        else await expectUnderstood(response, { raw: raw.slice(0, 200), path });
      }
    }),
    { numRuns: RUNS / 6, endOnFailure: true },
  );
});
