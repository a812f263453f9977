// Hosts: one grammar, wherever one enters the configuration, a request or what is printed.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isHost, isHostname } from "../../src/config/host.ts";
import { parseUpstream } from "../../src/config/upstream.ts";
import { GOOD, problemsOf } from "./rules.ts";

const HOSTILE = [
  "x$({touch,pwned}).example.com",
  "$(id)",
  "`id`.example.com",
  "a;id",
  "a&id",
  "a|id",
  "a'b",
  'a"b',
  "a b",
  "a\nb",
  "a\\b",
  "{a,b}",
  "a!b",
  "a*b",
  "a~b",
  "a=b",
  "a+b",
  "a,b",
  "(a)",
  "a%24b",
  "a..b",
  ".a",
  "-a",
  "a-",
  "a.-b",
  "ä.example",
  `${"a".repeat(64)}.example`,
  `${"a.".repeat(127)}aa`,
  "1.2.3",
  "256.1.1.1",
  "01.2.3.4",
  "1.2.3.4.5",
  "0x7f.0.0.1",
  "a.example.0x1",
  "[::1",
  "::1",
  "[::1%eth0]",
  "[::g]",
  "[1.2.3.4]",
  "[$(id)]",
  "[]",
  "",
  ":443",
  "a:",
  "a:0",
  "a:65536",
  "a:080",
  "a:80a",
  "a:80:80",
  "a:$(id)",
  "[::1]x:80",
];

it.each([
  "registry.example.com",
  "a",
  "localhost:5000",
  "Docker.IO",
  "my_registry:5000",
  "xn--bcher-kva.example",
  "a.example.",
  "a.example.:443",
  "3com.example",
  "a--b.example",
  `${"a".repeat(63)}.example`,
  "203.0.113.7",
  "203.0.113.7:65535",
  "0.0.0.0",
  "[::1]",
  "[2001:DB8::1]:5000",
  "[::ffff:203.0.113.7]",
])("%j is one", (text) => {
  expect(isHost(text)).toBe(true);
});

it.each(HOSTILE)("%j is none", (text) => {
  expect(isHost(text)).toBe(false);
});

it("what is one has characters alone that no shell and no format gives a meaning", () => {
  const harmless = /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom(..."aZ0-_.:[]$(){}`;&|'\"\\ \n~*%@/")).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      if (isHost(text)) expect(text).toMatch(harmless);
      if (isHostname(text)) expect(text).toMatch(harmless);
      // The URL parser undoes and changes much: what comes of it counts.
      for (const url of [`https://${text}`, `https://a.example/${text}`]) {
        try {
          const { host } = parseUpstream(url, true);
          expect(host.split("/")[0]).toMatch(harmless);
          expect(host).toMatch(/^[\w.:[\]\-/~+@,=%]+$/);
        } catch (error) {
          if ((error as Error).name === "AssertionError") throw error;
        }
      }
    }),
    { numRuns: 3000 },
  );
});

describe("in the configuration", () => {
  const bad = "x$({touch,pwned}).example.com";
  const ecr = { kind: "ecr", region: "eu-west-1", credentials: "K" };
  it.each<[string, object]>([
    ["upstream", { upstream: bad }],
    ["upstream", { upstream: `https://${bad}` }],
    ["upstream", { upstream: `https://${encodeURIComponent(bad)}` }],
    ["upstream", { upstream: "https://a.example:0" }],
    ["upstream", { upstream: "https://a.example/$(id)" }],
    ["upstream", { upstream: "https://a.example/a;id" }],
    ["upstream", { upstream: "https://a.example/a%0ab" }],
    ["upstream", { upstream: "https://a.example/a%2Fb" }],
    ["upstream", { upstream: "https://a.example/'" }],
    ["realm", { realm: bad }],
    ["realm", { realm: `https://${bad}/token` }],
    ["realm", { realm: "ftp://a.example" }],
    ["host", { host: bad }],
    ["host", { host: "a.example:99999" }],
    ["secretHost", { secretHost: `0123456789abcdef0123456789.${bad}` }],
    ["ns", { ns: bad }],
    ["ns", { ns: ["docker.io", "a.example:0"] }],
    ["endpoint", { ...ecr, endpoint: `https://${bad}` }],
  ])("a rule's %s: %j", (field, fields) => {
    const problems = problemsOf({ RULES: [{ ...GOOD, ...fields }] });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^RULES\\[0\\]\\.${field}(\\[\\d\\])?: `));
  });

  it.each<[string, object]>([
    ["issuers[0].issuer", { issuer: `https://${bad}` }],
    ["issuers[0].jwksUri", { jwksUri: `https://${bad}/keys` }],
  ])("AUTH's %s", (path, fields) => {
    const issuer = {
      issuer: "https://issuer.example",
      audience: "entrepot",
      claims: { team: "acme" },
      repositories: ["**"],
    };
    const AUTH = { issuers: [{ ...issuer, ...fields }] };
    expect(problemsOf({ RULES: [GOOD], AUTH }).join()).toContain(`AUTH.${path}: must be`);
  });

  it("AUTH's team", () => {
    const access = { team: `https://${bad}`, audience: "a", admins: ["a@b"] };
    expect(problemsOf({ RULES: [GOOD], AUTH: { access } }).join()).toContain("AUTH.access.team: ");
  });

  it("SECRETS", () => {
    const SECRETS = { HUB: [`https://${bad}`] };
    expect(problemsOf({ RULES: [GOOD], SECRETS })).toEqual([
      expect.stringMatching(/^SECRETS\.HUB\[0\]: has an invalid host/),
    ]);
  });

  it("takes a path of a registry's as it is", () => {
    for (const path of ["artifactory/api/docker/my-repo_1.2~x", "a+b@c:d,e=f", "with%20blank"])
      expect(problemsOf({ RULES: [{ ...GOOD, upstream: `https://a.example/${path}` }] })).toEqual(
        [],
      );
  });
});
