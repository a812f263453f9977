// WWW-Authenticate, in the ways that registries write it, and in some that nobody should.

import { describe, expect, it } from "vitest";
import { parseChallenges } from "../../src/upstream/authorization/challenge.ts";

type Plain = [string, Record<string, string>][];
const read = (header: string | null): Plain =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

const REALM = "https://auth.example/token";

describe("a challenge", () => {
  it.each<[string, string, Plain]>([
    [
      "Docker Hub's",
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/ubuntu:pull"',
      [
        [
          "bearer",
          {
            realm: "https://auth.docker.io/token",
            service: "registry.docker.io",
            scope: "repository:library/ubuntu:pull",
          },
        ],
      ],
    ],
    ["Basic", 'Basic realm="private"', [["basic", { realm: "private" }]]],
    [
      "commas in quotes",
      'Bearer service="a, b",scope="r:x:pull,push"',
      [["bearer", { service: "a, b", scope: "r:x:pull,push" }]],
    ],
    ["equal signs in quotes", 'Bearer realm="x?a=b&c=d"', [["bearer", { realm: "x?a=b&c=d" }]]],
    [
      "another scheme in quotes",
      'Basic realm="Bearer realm=x"',
      [["basic", { realm: "Bearer realm=x" }]],
    ],
    ["escaped quotes", 'Basic realm="a \\"b\\" c"', [["basic", { realm: 'a "b" c' }]]],
    [
      "an escaped backslash at the end",
      'Basic realm="a\\\\",x=y',
      [["basic", { realm: "a\\", x: "y" }]],
    ],
    [
      "an escaped quote before a comma",
      'Basic realm="a\\",b", x=y',
      [["basic", { realm: 'a",b', x: "y" }]],
    ],
    ["an empty value", 'Basic realm=""', [["basic", { realm: "" }]]],
    [
      "values without quotes",
      "Bearer realm=x,service=y",
      [["bearer", { realm: "x", service: "y" }]],
    ],
    [
      "upper-case names",
      `BEARER REALM="${REALM}",Service="S"`,
      [["bearer", { realm: REALM, service: "S" }]],
    ],
    [
      "blanks around =",
      'Bearer realm = "x" , service\t=\t"y"',
      [["bearer", { realm: "x", service: "y" }]],
    ],
    ["blanks around it all", '  Bearer   realm="x"  ', [["bearer", { realm: "x" }]]],
    [
      "parameters parted by blanks alone",
      'Bearer realm="x" service="y"',
      [["bearer", { realm: "x", service: "y" }]],
    ],
    ["a comma at its end", 'Bearer realm="x",', [["bearer", { realm: "x" }]]],
    [
      "empty entries",
      ', ,Bearer realm="x",,service="y"',
      [["bearer", { realm: "x", service: "y" }]],
    ],
    ["a bare scheme", "Negotiate", [["negotiate", {}]]],
    ["token68", "Negotiate YWJj==", [["negotiate", {}]]],
    ["token68 without padding", "NTLM abc/+._~-", [["ntlm", {}]]],
  ])("with %s", (_, header, expected) => {
    expect(read(header)).toEqual(expected);
  });
});

describe("several challenges", () => {
  it.each<[string, string, Plain]>([
    [
      "in one header",
      'Basic realm="a", Bearer realm="b",service="c"',
      [
        ["basic", { realm: "a" }],
        ["bearer", { realm: "b", service: "c" }],
      ],
    ],
    [
      "without blanks",
      'Basic realm="a",Bearer realm="b"',
      [
        ["basic", { realm: "a" }],
        ["bearer", { realm: "b" }],
      ],
    ],
    [
      "a bare one first",
      'Negotiate, Basic realm="a"',
      [
        ["negotiate", {}],
        ["basic", { realm: "a" }],
      ],
    ],
    [
      "a bare one last",
      'Basic realm="a", Negotiate',
      [
        ["basic", { realm: "a" }],
        ["negotiate", {}],
      ],
    ],
    [
      "a bare one in the middle",
      'Basic realm="a", Negotiate, Bearer realm="b"',
      [
        ["basic", { realm: "a" }],
        ["negotiate", {}],
        ["bearer", { realm: "b" }],
      ],
    ],
    [
      "token68 first",
      'Negotiate YWJj=, Basic realm="a"',
      [
        ["negotiate", {}],
        ["basic", { realm: "a" }],
      ],
    ],
    [
      "token68 last",
      'Basic realm="a", Negotiate YWJj==',
      [
        ["basic", { realm: "a" }],
        ["negotiate", {}],
      ],
    ],
    [
      "of one scheme",
      'Bearer realm="a", Bearer realm="b"',
      [
        ["bearer", { realm: "a" }],
        ["bearer", { realm: "b" }],
      ],
    ],
    // A token68 stands behind its scheme and a blank: what stands behind a comma is a scheme.
    [
      "bare ones only",
      "Negotiate, NTLM, Basic",
      [
        ["negotiate", {}],
        ["ntlm", {}],
        ["basic", {}],
      ],
    ],
  ])("%s", (_, header, expected) => {
    expect(read(header)).toEqual(expected);
  });
});

describe("what is not well-formed", () => {
  it.each<[string, string | null, Plain]>([
    ["nothing", null, []],
    ["an empty header", "", []],
    ["commas", " , ,", []],
    ["quotes first", '"Bearer" realm="x"', []],
    ["an equal sign first", '="x"', []],
    ["a value that does not end", 'Bearer realm="x",service="y', [["bearer", { realm: "x" }]]],
    ["an escape that does not end", 'Bearer realm="x",service="y\\', [["bearer", { realm: "x" }]]],
    ["a name without a value", 'Bearer service="y",realm=', [["bearer", { service: "y" }]]],
    ["letters beyond ASCII", 'Bearer realm="x",sérvice="y"', [["bearer", { realm: "x" }]]],
    ["something behind a value", 'Bearer realm="x";service="y"', [["bearer", { realm: "x" }]]],
  ])("ends the reading, and keeps what was read: %s", (_, header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  it("does not take long, however long it is", () => {
    // Time that grows with the square of the length would not end here.
    expect(read(`Bearer realm="${"\\\\".repeat(200_000)}`)[0]?.[0]).toBe("bearer");
    expect(read(`Bearer ${"a=,".repeat(100_000)}`)[0]?.[0]).toBe("bearer");
    expect(read("a,".repeat(100_000)).length).toBeGreaterThan(0);
  });
});
