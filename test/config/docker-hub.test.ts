// Docker Hub's alpine by the name that it has in a cache: of which rules it is known that they lead there.

import { describe, expect, it } from "vitest";
import { alpineIn } from "../../src/config/docker-hub.ts";

const HUB = "https://registry-1.docker.io";

describe("Docker Hub's alpine", () => {
  it.each([
    ["at Docker Hub", [{ prefixes: ["docker.io", "hub"], upstream: HUB }], "docker.io"],
    [
      "behind another rule",
      [
        { prefixes: ["ghcr.io"], upstream: "https://ghcr.io" },
        { prefixes: ["hub"], upstream: HUB },
      ],
      "hub",
    ],
    [
      "at a proxy of it",
      [
        {
          prefixes: ["hub"],
          upstream: "https://harbor.example",
          upstreamPrefix: "hub-proxy",
          dockerHub: true,
        },
      ],
      "hub",
    ],
    [
      "not at one namespace of it",
      [{ prefixes: ["team"], upstream: HUB, upstreamPrefix: "team" }],
      undefined,
    ],
    [
      "not at a host whose name has its name in it",
      [{ prefixes: ["a"], upstream: "https://docker.io.example" }],
      undefined,
    ],
    [
      "not by a rule that cannot be used",
      [{ prefixes: ["a"], upstream: HUB, problem: "x" }],
      undefined,
    ],
    [
      "not by a rule that was set aside",
      [{ prefixes: ["a"], upstream: "", problem: "x" }],
      undefined,
    ],
    ["not by a rule without a prefix", [{ prefixes: [], upstream: HUB }], undefined],
  ])("%s", (_, rules, prefix) => {
    expect(alpineIn(rules)).toBe(prefix && `${prefix}/library/alpine:latest`);
  });
});
