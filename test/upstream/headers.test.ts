// The headers of a foreign answer: bounded, wherever they come from; and what of them repeats a secret is not seen.

import { describe, expect, it } from "vitest";
import { Issuers } from "../../src/access/issuers/issuers.ts";
import { challengeIn } from "../../src/upstream/authorization/challenge.ts";
import { loginFor } from "../../src/upstream/authorization/login.ts";
import {
  excessOf,
  MAX_HEADER_LENGTH,
  MAX_HEADERS,
  MAX_TOTAL_LENGTH,
  withoutSecrets,
} from "../../src/upstream/client/headers.ts";
import { secretsIn } from "../../src/upstream/client/sent.ts";
import { validate } from "../../src/upstream/client/validate.ts";
import { ruleOf } from "../config/rules.ts";
import { problemOf } from "../http/problem.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { ACCESS_KEYS, REGION } from "../support/fixture.ts";
import { TestIssuer } from "../support/issuer.ts";
import { receive } from "../support/transfers.ts";

const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`x-h-${at}`, "v"]));
const LARGE = "a".repeat(200_000);

const BOMBS: [string, Record<string, string>][] = [
  ["10,000 headers", many(10_000)],
  ["a challenge of 200,000 bytes", { "www-authenticate": `Bearer realm="${LARGE}"` }],
  [
    "a challenge of nothing but a quote",
    { "www-authenticate": `Bearer realm="${"\\a".repeat(200_000)}` },
  ],
  ["a Link of 400,000 brackets", { link: "<".repeat(400_000) }],
  ["a Content-Type of that length", { "content-type": `application/${LARGE}` }],
  ["a digest of colons", { "docker-content-digest": ":".repeat(400_000) }],
  ["a limit of blanks", { "ratelimit-limit": `1;${" ".repeat(200_000)}`, "retry-after": LARGE }],
  [
    "many that are long together",
    Object.fromEntries(Object.keys(many(100)).map((name) => [name, "v".repeat(1_000)])),
  ],
];

describe("the bounds", () => {
  it.each([
    [`${MAX_HEADERS} headers`, many(MAX_HEADERS)],
    ["one of the most", { link: "x".repeat(MAX_HEADER_LENGTH) }],
    [
      "all of the most",
      {
        ...many(0),
        ...Object.fromEntries(
          Array.from({ length: 8 }, (_, at) => [`x-${at}`, "v".repeat(MAX_TOTAL_LENGTH / 8 - 3)]),
        ),
      },
    ],
  ])("%s may be", (_, headers) => {
    expect(excessOf(new Headers(headers))).toBeUndefined();
  });

  it.each<{ title: string; headers: Record<string, string>; words: RegExp }>([
    { title: "one more", headers: many(MAX_HEADERS + 1), words: /more than 256 headers/ },
    {
      title: "one that is longer",
      headers: { link: "x".repeat(MAX_HEADER_LENGTH + 1) },
      words: /a header link longer than/,
    },
    {
      title: "one with a long name",
      headers: { [LARGE]: "x".repeat(20_000) },
      words: /^.{0,200}$/,
    },
    {
      title: "the same name again and again",
      headers: { x: "v".repeat(MAX_TOTAL_LENGTH) },
      words: /longer than/,
    },
  ])("$title may not", ({ headers, words }) => {
    expect(excessOf(new Headers(headers))).toMatch(words);
  });
});

describe.each(BOMBS)("%s", (_, headers) => {
  it.each([
    ["a tag", "manifests/1"],
    ["a digest", `manifests/sha256:${"0".repeat(64)}`],
    ["a blob", `blobs/sha256:${"0".repeat(64)}`],
    ["tags", "tags/list"],
    ["referrers", `referrers/sha256:${"0".repeat(64)}`],
  ])("with %s is refused in words, and the next answer is taken", async (_, path) => {
    const name = repository("headers");
    await fixture.image(name, "1");
    const other = repository("healthy");
    await fixture.image(other, "1");
    const cache = cacheApart();
    for (const status of path === "manifests/1" ? [200, 401, 500] : [401]) {
      const id = await fixture.fault({
        match: { repository: name },
        times: 0,
        do: { status, headers, body: "{}" },
      });
      const problem = await problemOf(cache.fetch(`open/${name}/${path}`));
      expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
      expect(problem.message).toMatch(/answered with .*(headers|header [\w-]+) longer|more than/);
      expect(problem.message.length).toBeLessThan(300);
      await fixture.heal({ id });
      // Another answer's fault is remembered of that name for some seconds, and of no other.
      expect(await receive(cache.fetch(`open/${other}/manifests/1`))).toMatchObject({
        whole: true,
      });
    }
  });

  it("of a token service", async () => {
    const name = repository("token-headers");
    await fixture.image(name, "1");
    const match = { kind: "token", repository: name } as const;
    await fixture.fault({ match, times: 0, do: { headers } });
    for (const door of ["bearer", "robot"]) {
      const problem = await problemOf(cacheApart().fetch(`${door}/${name}/manifests/1`));
      expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
      expect(problem.message).toMatch(/token service answered with/);
    }
  });

  it("of a redirect, and of where it leads", async () => {
    const name = repository("redirect-headers");
    const { layers } = await fixture.image(name, "1");
    const path = `open/${name}/blobs/${layers[0]?.digest}`;
    const kind = "blob";
    await fixture.fault({ match: { kind, repository: name }, do: { redirect: "cdn", headers } });
    expect(await problemOf(cacheApart().fetch(path))).toMatchObject({ status: 502 });
    await fixture.fault({ match: { kind, repository: name }, do: { redirect: "cdn" } });
    const match = { server: "cdn", repository: name } as const;
    await fixture.fault({ match, times: 0, do: { headers } });
    expect(await problemOf(cacheApart().fetch(path))).toMatchObject({ status: 502 });
  });

  it("of a cloud, of an issuer, and of an upstream that is validated", async () => {
    const name = repository("cloud-headers");
    const match = { server: "aws", repository: name } as const;
    await fixture.fault({ match, times: 0, do: { status: 200, headers, body: "{}" } });
    const rule = ruleOf({
      kind: "ecr",
      upstream: fixture.url("basic"),
      endpoint: `${fixture.url("aws")}/${name}`,
      region: REGION,
      credentials: "KEY",
    });
    const login = loginFor(rule, { accessKey: ACCESS_KEYS.lasting }, Date.now());
    await expect(login).rejects.toThrow(/answered with/);

    const issuer = await new TestIssuer().start();
    await issuer.page("keys", issuer.jwks, headers);
    const source = {
      issuer: issuer.url,
      audience: ["entrepot.example"],
      claims: {},
      repositories: [],
    };
    const verified = new Issuers().verify(await issuer.sign(), source, source.audience, Date.now());
    await expect(verified).rejects.toThrow(/cannot be read at the moment/);

    const door = repository("validated");
    const ping = { server: "issuer", repository: door } as const;
    await fixture.fault({ match: ping, do: { status: 401, headers, body: "" } });
    const upstream = ruleOf({ upstream: `${fixture.url("issuer")}/${door}` });
    const checked = await validate(upstream, {}, undefined, Date.now());
    expect(checked).toMatchObject({ valid: false, checks: [{ check: "reach" }] });
    expect(checked.checks[0]?.text).toMatch(/answered with/);
  });
});

describe("a header that repeats a secret", () => {
  const secrets = secretsIn({ authorization: `Basic ${btoa("robot:s3cret-of-the-robot")}` });
  const fetched = (headers: Record<string, string>, body: BodyInit | null = "body", status = 200) =>
    withoutSecrets(new Response(body, { status, headers }), secrets);

  it("is removed; the others and the body are unchanged", async () => {
    const response = fetched({
      "content-type": "application/s3cret-of-the-robot",
      link: `</v2?token=${btoa("x:s3cret-of-the-robot")}>; rel="next"`,
      "retry-after": "30",
    });
    expect([...response.headers]).toEqual([["retry-after", "30"]]);
    expect(await response.text()).toBe("body");
    expect(fetched({}, null, 204).status).toBe(204);
  });

  it("but for a challenge's other parameters, which are answered", () => {
    const realm = 'Bearer realm="https://auth.example/t",service="a \\"b\\"",';
    const header = `${realm}error_description="s3cret-of-the-robot has expired", Basic realm="x"`;
    const challenge = challengeIn(
      fetched({ "www-authenticate": header }).headers.get("www-authenticate"),
      true,
    );
    expect(challenge?.scheme).toBe("bearer");
    expect(Object.fromEntries(challenge?.parameters ?? [])).toEqual({
      realm: "https://auth.example/t",
      service: 'a "b"',
    });
    const evil = fetched({
      "www-authenticate": 'Bearer realm="https://s3cret-of-the-robot.example"',
    });
    expect(evil.headers.get("www-authenticate")).not.toContain("s3cret");
  });

  it("is one of any that was sent: of headers, of forms, of signatures", () => {
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    const body = new URLSearchParams({ password: "a b&c", username: "me", refresh_token: "r" });
    expect(secretsIn({ headers, body: body.toString() })).toEqual(["a b&c", "r"]);
    expect(secretsIn({ headers: { "x-amz-security-token": "t" }, body: "{}" })).toEqual(["t"]);
    expect(secretsIn({ authorization: "AWS4-HMAC-SHA256 Credential=A/b, Signature=0a1b" })).toEqual(
      ["0a1b"],
    );
    expect(secretsIn({ authorization: "Bearer abc" })).toEqual(["abc"]);
    const utf8 = btoa(String.fromCharCode(...new TextEncoder().encode("u:pä:ss")));
    expect(secretsIn({ authorization: `Basic ${utf8}` })).toEqual(["u:pä:ss", "pä:ss"]);
    expect(secretsIn({})).toEqual([]);
  });
});
