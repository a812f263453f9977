// A rule's `upstream`: the forms that it is given in, and those that are refused.

import { describe, expect, it } from "vitest";
import { isDockerHub, isLoopback, parseUpstream } from "../../src/config/upstream.ts";
import { problemsOf, ruleOf } from "./rules.ts";

describe("parseUpstream", () => {
  it.each([
    { text: "quay.io", base: "https://quay.io", host: "quay.io" },
    { text: "https://quay.io", base: "https://quay.io", host: "quay.io" },
    { text: "https://quay.io/", base: "https://quay.io", host: "quay.io" },
    { text: "HTTPS://Quay.IO", base: "https://quay.io", host: "quay.io" },
    { text: "quay.io:443", base: "https://quay.io", host: "quay.io" },
    { text: "quay.io:8443", base: "https://quay.io:8443", host: "quay.io:8443" },
    {
      text: "https://a.example/artifactory/docker/",
      base: "https://a.example/artifactory/docker",
      host: "a.example/artifactory/docker",
    },
    { text: "https://a.example/v2x", base: "https://a.example/v2x", host: "a.example/v2x" },
    {
      text: "https://a.example/v2/mirror",
      base: "https://a.example/v2/mirror",
      host: "a.example/v2/mirror",
    },
    // Docker Hub, by the names that people write
    { text: "docker.io", base: "https://registry-1.docker.io", host: "registry-1.docker.io" },
    {
      text: "https://docker.io/",
      base: "https://registry-1.docker.io",
      host: "registry-1.docker.io",
    },
    { text: "index.docker.io", base: "https://registry-1.docker.io", host: "registry-1.docker.io" },
    { text: "Docker.IO", base: "https://registry-1.docker.io", host: "registry-1.docker.io" },
    {
      text: "docker.io.example.com",
      base: "https://docker.io.example.com",
      host: "docker.io.example.com",
    },
    // http, on this machine
    { text: "http://localhost:5000", base: "http://localhost:5000", host: "localhost:5000" },
    {
      text: "http://registry.localhost",
      base: "http://registry.localhost",
      host: "registry.localhost",
    },
    { text: "http://127.0.0.1:5000/", base: "http://127.0.0.1:5000", host: "127.0.0.1:5000" },
    { text: "http://127.1.2.3", base: "http://127.1.2.3", host: "127.1.2.3" },
    { text: "http://[::1]:5000", base: "http://[::1]:5000", host: "[::1]:5000" },
  ])("$text", ({ text, base, host }) => {
    expect(parseUpstream(text, false)).toEqual({ base, host });
  });

  it.each([
    ["nothing", ""],
    ["blanks", "a b"],
    ["no host", "https://"],
    ["another scheme", "ftp://a.example"],
    ["a file", "file:///etc/passwd"],
    ["a query", "https://a.example/?x=y"],
    ["a fragment", "https://a.example/#x"],
    ["/v2", "https://a.example/v2"],
    ["/v2/", "https://a.example/v2/"],
    ["/v2 behind a path", "https://a.example/mirror/v2//"],
    ["/v2 behind a bare host", "a.example/v2"],
    ["http", "http://a.example"],
    ["http to a private address", "http://10.0.0.1:5000"],
    ["http to what begins like loopback", "http://127.0.0.1.example.com"],
    ["http to what begins like localhost", "http://localhost.example.com"],
    ["http to what ends like localhost", "http://notlocalhost"],
  ])("refuses %s", (_, text) => {
    expect(() => parseUpstream(text, false)).toThrow();
  });

  it.each([
    ["a user and a password", "https://robot:s3cret@a.example"],
    ["a user", "https://s3cret@a.example"],
    ["a password", "https://:s3cret@a.example"],
    ["both, before a bare host", "robot:s3cret@a.example"],
  ])("refuses %s, and does not repeat them", (_, upstream) => {
    const [problem, ...more] = problemsOf({ RULES: [{ prefix: "p", upstream }] });
    expect(problem).toMatch(/^RULES\[0\]\.upstream: .*`credentials`/);
    expect(problem).not.toContain("s3cret");
    expect(more).toEqual([]);
  });
});

describe("http:// beyond loopback", () => {
  it("needs insecure = true, and the refusal says so", () => {
    const problems = problemsOf({ RULES: [{ prefix: "p", upstream: "http://a.example" }] });
    expect(problems).toEqual([expect.stringMatching(/^RULES\[0\]\.upstream: .*insecure = true/)]);
  });

  it("is taken with it", () => {
    const { upstream } = ruleOf({ upstream: "http://a.example:80/x/", insecure: true });
    expect(upstream).toEqual({ base: "http://a.example/x", host: "a.example/x" });
  });

  it("does not make a bare host http", () => {
    expect(ruleOf({ upstream: "a.example", insecure: true }).upstream.base).toBe(
      "https://a.example",
    );
  });
});

it.each([
  ["docker.io", true],
  ["registry-1.docker.io", true],
  ["https://registry-1.docker.io/", true],
  ["https://registry-1.docker.io/mirror", false],
  ["hub.docker.com", false],
  ["quay.io", false],
])("%s is Docker Hub: %s", (text, expected) => {
  expect(isDockerHub(parseUpstream(text, false))).toBe(expected);
});

it.each([
  ["localhost", true],
  ["a.localhost", true],
  ["127.0.0.1", true],
  ["[::1]", true],
  [".localhost", false],
  ["128.0.0.1", false],
  ["127.0.0.1.example.com", false],
  ["[::2]", false],
])("%s is loopback: %s", (hostname, expected) => {
  expect(isLoopback(hostname)).toBe(expected);
});
