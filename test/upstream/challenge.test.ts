// WWW-Authenticate, in the forms that registries send, and in malformed ones.

import { describe, expect, it } from "vitest";
import { parseChallenges } from "../../src/upstream/authorization/challenge.ts";

type Plain = [string, Record<string, string>][];
const read = (header: string | null): Plain =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

const REALM = "https://auth.example/token";

describe("a challenge", () => {
  it.each<{ title: string; header: string; expected: Plain }>([
    {
      title: "Docker Hub's",
      header:
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/ubuntu:pull"',
      expected: [
        [
          "bearer",
          {
            realm: "https://auth.docker.io/token",
            service: "registry.docker.io",
            scope: "repository:library/ubuntu:pull",
          },
        ],
      ],
    },
    {
      title: "Basic",
      header: 'Basic realm="private"',
      expected: [["basic", { realm: "private" }]],
    },
    {
      title: "commas in quotes",
      header: 'Bearer service="a, b",scope="r:x:pull,push"',
      expected: [["bearer", { service: "a, b", scope: "r:x:pull,push" }]],
    },
    {
      title: "equal signs in quotes",
      header: 'Bearer realm="x?a=b&c=d"',
      expected: [["bearer", { realm: "x?a=b&c=d" }]],
    },
    {
      title: "another scheme in quotes",
      header: 'Basic realm="Bearer realm=x"',
      expected: [["basic", { realm: "Bearer realm=x" }]],
    },
    {
      title: "escaped quotes",
      header: 'Basic realm="a \\"b\\" c"',
      expected: [["basic", { realm: 'a "b" c' }]],
    },
    {
      title: "an escaped backslash at the end",
      header: 'Basic realm="a\\\\",x=y',
      expected: [["basic", { realm: "a\\", x: "y" }]],
    },
    {
      title: "an escaped quote before a comma",
      header: 'Basic realm="a\\",b", x=y',
      expected: [["basic", { realm: 'a",b', x: "y" }]],
    },
    { title: "an empty value", header: 'Basic realm=""', expected: [["basic", { realm: "" }]] },
    {
      title: "values without quotes",
      header: "Bearer realm=x,service=y",
      expected: [["bearer", { realm: "x", service: "y" }]],
    },
    {
      title: "upper-case names",
      header: `BEARER REALM="${REALM}",Service="S"`,
      expected: [["bearer", { realm: REALM, service: "S" }]],
    },
    {
      title: "blanks around =",
      header: 'Bearer realm = "x" , service\t=\t"y"',
      expected: [["bearer", { realm: "x", service: "y" }]],
    },
    {
      title: "blanks around it all",
      header: '  Bearer   realm="x"  ',
      expected: [["bearer", { realm: "x" }]],
    },
    {
      title: "parameters parted by blanks alone",
      header: 'Bearer realm="x" service="y"',
      expected: [["bearer", { realm: "x", service: "y" }]],
    },
    {
      title: "a comma at its end",
      header: 'Bearer realm="x",',
      expected: [["bearer", { realm: "x" }]],
    },
    {
      title: "empty entries",
      header: ', ,Bearer realm="x",,service="y"',
      expected: [["bearer", { realm: "x", service: "y" }]],
    },
    { title: "a bare scheme", header: "Negotiate", expected: [["negotiate", {}]] },
    { title: "token68", header: "Negotiate YWJj==", expected: [["negotiate", {}]] },
    { title: "token68 without padding", header: "NTLM abc/+._~-", expected: [["ntlm", {}]] },
  ])("with $title", ({ header, expected }) => {
    expect(read(header)).toEqual(expected);
  });
});

describe("several challenges", () => {
  it.each<{ title: string; header: string; expected: Plain }>([
    {
      title: "in one header",
      header: 'Basic realm="a", Bearer realm="b",service="c"',
      expected: [
        ["basic", { realm: "a" }],
        ["bearer", { realm: "b", service: "c" }],
      ],
    },
    {
      title: "without blanks",
      header: 'Basic realm="a",Bearer realm="b"',
      expected: [
        ["basic", { realm: "a" }],
        ["bearer", { realm: "b" }],
      ],
    },
    {
      title: "a bare one first",
      header: 'Negotiate, Basic realm="a"',
      expected: [
        ["negotiate", {}],
        ["basic", { realm: "a" }],
      ],
    },
    {
      title: "a bare one last",
      header: 'Basic realm="a", Negotiate',
      expected: [
        ["basic", { realm: "a" }],
        ["negotiate", {}],
      ],
    },
    {
      title: "a bare one in the middle",
      header: 'Basic realm="a", Negotiate, Bearer realm="b"',
      expected: [
        ["basic", { realm: "a" }],
        ["negotiate", {}],
        ["bearer", { realm: "b" }],
      ],
    },
    {
      title: "token68 first",
      header: 'Negotiate YWJj=, Basic realm="a"',
      expected: [
        ["negotiate", {}],
        ["basic", { realm: "a" }],
      ],
    },
    {
      title: "token68 last",
      header: 'Basic realm="a", Negotiate YWJj==',
      expected: [
        ["basic", { realm: "a" }],
        ["negotiate", {}],
      ],
    },
    {
      title: "of one scheme",
      header: 'Bearer realm="a", Bearer realm="b"',
      expected: [
        ["bearer", { realm: "a" }],
        ["bearer", { realm: "b" }],
      ],
    },
    // A token68 stands behind its scheme and a blank: what stands behind a comma is a scheme.
    {
      title: "bare ones only",
      header: "Negotiate, NTLM, Basic",
      expected: [
        ["negotiate", {}],
        ["ntlm", {}],
        ["basic", {}],
      ],
    },
  ])("$title", ({ header, expected }) => {
    expect(read(header)).toEqual(expected);
  });
});

describe("a malformed part", () => {
  it.each<{ title: string; header: string | null; expected: Plain }>([
    { title: "nothing", header: null, expected: [] },
    { title: "an empty header", header: "", expected: [] },
    { title: "commas", header: " , ,", expected: [] },
    { title: "quotes first", header: '"Bearer" realm="x"', expected: [] },
    { title: "an equal sign first", header: '="x"', expected: [] },
    {
      title: "a value that does not end",
      header: 'Bearer realm="x",service="y',
      expected: [["bearer", { realm: "x" }]],
    },
    {
      title: "an escape that does not end",
      header: 'Bearer realm="x",service="y\\',
      expected: [["bearer", { realm: "x" }]],
    },
    {
      title: "a name without a value",
      header: 'Bearer service="y",realm=',
      expected: [["bearer", { service: "y" }]],
    },
    {
      title: "letters beyond ASCII",
      header: 'Bearer realm="x",sérvice="y"',
      expected: [["bearer", { realm: "x" }]],
    },
    {
      title: "something behind a value",
      header: 'Bearer realm="x";service="y"',
      expected: [["bearer", { realm: "x" }]],
    },
  ])("ends the reading, and keeps what was read: $title", ({ header, expected }) => {
    expect(read(header)).toEqual(expected);
  });

  it("is read in linear time", () => {
    // Time that grows with the square of the length would not end here.
    expect(read(`Bearer realm="${"\\\\".repeat(200_000)}`)[0]?.[0]).toBe("bearer");
    expect(read(`Bearer ${"a=,".repeat(100_000)}`)[0]?.[0]).toBe("bearer");
    expect(read("a,".repeat(100_000)).length).toBeGreaterThan(0);
  });
});
