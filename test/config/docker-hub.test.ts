// Docker Hub's alpine by the name that it has in a cache: of which rules it is known that they lead there.

import { describe, expect, it } from "vitest";
import { alpineIn } from "../../src/config/docker-hub.ts";

const HUB = "https://registry-1.docker.io";

describe("Docker Hub's alpine", () => {
  it.each([
    {
      title: "at Docker Hub",
      rules: [{ prefixes: ["docker.io", "hub"], upstream: HUB }],
      prefix: "docker.io",
    },
    {
      title: "behind another rule",
      rules: [
        { prefixes: ["ghcr.io"], upstream: "https://ghcr.io" },
        { prefixes: ["hub"], upstream: HUB },
      ],
      prefix: "hub",
    },
    {
      title: "at a proxy of it",
      rules: [
        {
          prefixes: ["hub"],
          upstream: "https://harbor.example",
          upstreamPrefix: "hub-proxy",
          dockerHub: true,
        },
      ],
      prefix: "hub",
    },
    {
      title: "not at one namespace of it",
      rules: [{ prefixes: ["team"], upstream: HUB, upstreamPrefix: "team" }],
      prefix: undefined,
    },
    {
      title: "not at a host whose name has its name in it",
      rules: [{ prefixes: ["a"], upstream: "https://docker.io.example" }],
      prefix: undefined,
    },
    {
      title: "not by a rule that cannot be used",
      rules: [{ prefixes: ["a"], upstream: HUB, problem: "x" }],
      prefix: undefined,
    },
    {
      title: "not by a rule that was set aside",
      rules: [{ prefixes: ["a"], upstream: "", problem: "x" }],
      prefix: undefined,
    },
    {
      title: "not by a rule without a prefix",
      rules: [{ prefixes: [], upstream: HUB }],
      prefix: undefined,
    },
  ])("$title", ({ rules, prefix }) => {
    expect(alpineIn(rules)).toBe(prefix && `${prefix}/library/alpine:latest`);
  });
});
