// Which rule a name leads to, and to which repository.

import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { route } from "../../src/policy/route.ts";

const routeByPrefix = (all: typeof rules, name: string) => route(all, { name });

const { rules } = readConfig({
  RULES: [
    { prefix: ["docker.io", "docker-hub"], upstream: "docker.io" },
    { prefix: "quay", upstream: "quay.io" },
    { prefix: "quay/team", upstream: "https://team.example" },
    { prefix: "quay/team/deep", upstream: "https://deep.example" },
    { prefix: "hub-team", upstream: "docker.io", upstreamPrefix: "team" },
    { prefix: "ours", upstream: "harbor.example", upstreamPrefix: "proxy/cache" },
    { prefix: "a/b", upstream: "https://two-parts.example" },
  ],
});

describe("by prefix", () => {
  it.each([
    ["quay/x", "quay.io", "x"],
    ["quay/x/y/z", "quay.io", "x/y/z"],
    // the longest
    ["quay/team/x", "team.example", "x"],
    ["quay/team/deep/x", "deep.example", "x"],
    ["quay/team/deeper/x", "team.example", "deeper/x"],
    ["quay/teams/x", "quay.io", "teams/x"],
    ["quay/team", "quay.io", "team"],
    ["quay/quay/x", "quay.io", "quay/x"],
    // of two parts
    ["a/b/c", "two-parts.example", "c"],
    ["a/b/a/b", "two-parts.example", "a/b"],
    // aliases
    ["docker.io/library/ubuntu", "registry-1.docker.io", "library/ubuntu"],
    ["docker-hub/library/ubuntu", "registry-1.docker.io", "library/ubuntu"],
    // official images
    ["docker-hub/ubuntu", "registry-1.docker.io", "library/ubuntu"],
    ["docker.io/ubuntu", "registry-1.docker.io", "library/ubuntu"],
    ["docker-hub/library", "registry-1.docker.io", "library/library"],
    ["docker-hub/grafana/grafana", "registry-1.docker.io", "grafana/grafana"],
    ["quay/ubuntu", "quay.io", "ubuntu"],
    // upstreamPrefix
    ["ours/x", "harbor.example", "proxy/cache/x"],
    ["ours/x/y", "harbor.example", "proxy/cache/x/y"],
    ["hub-team/x", "registry-1.docker.io", "team/x"],
  ])("%s", (name, host, repository) => {
    const routed = routeByPrefix(rules, name);
    expect(routed?.configured.rule.upstream.host).toBe(host);
    expect(routed?.repository).toBe(repository);
  });

  it.each([
    ["no rule's prefix", "other/x"],
    ["a prefix alone", "docker-hub"],
    ["what begins like a prefix", "quayx/x"],
    ["a part of a prefix", "a/x"],
    ["a prefix in the middle", "x/quay/y"],
    ["a host of no rule", "registry-1.docker.io/library/ubuntu"],
    ["nothing", ""],
    ["too long a name at the upstream", `ours/${"x".repeat(250)}`],
  ])("has no rule for %s", (_, name) => {
    expect(routeByPrefix(rules, name)).toBeUndefined();
  });

  it("does not depend on the rules' order", () => {
    const reversed = [...rules].reverse();
    for (const name of ["quay/x", "quay/team/x", "quay/team/deep/x"]) {
      expect(routeByPrefix(reversed, name)).toEqual(routeByPrefix(rules, name));
    }
  });

  it("without rules leads nowhere", () => {
    expect(routeByPrefix([], "quay/x")).toBeUndefined();
  });
});
