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
    { prefix: "hub", upstream: "harbor.example", upstreamPrefix: "hub-proxy", dockerHub: true },
    { prefix: "nexus", upstream: "https://nexus.example/repository/hub", dockerHub: true },
    { prefix: "gar", upstream: "https://gar.example", upstreamPrefix: "p/r", dockerHub: true },
    { prefix: "said", upstream: "docker.io", dockerHub: true },
    { prefix: "said-team", upstream: "docker.io", upstreamPrefix: "team", dockerHub: true },
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
    // another registry in front of Docker Hub
    ["hub/alpine", "harbor.example", "hub-proxy/library/alpine"],
    ["hub/library/alpine", "harbor.example", "hub-proxy/library/alpine"],
    ["hub/library", "harbor.example", "hub-proxy/library/library"],
    ["hub/grafana/grafana", "harbor.example", "hub-proxy/grafana/grafana"],
    ["hub/a/b/c", "harbor.example", "hub-proxy/a/b/c"],
    ["nexus/alpine", "nexus.example/repository/hub", "library/alpine"],
    ["nexus/team/x", "nexus.example/repository/hub", "team/x"],
    ["gar/alpine", "gar.example", "p/r/library/alpine"],
    ["said/alpine", "registry-1.docker.io", "library/alpine"],
    // at Docker Hub itself it is a namespace, whatever is said
    ["said-team/x", "registry-1.docker.io", "team/x"],
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

describe("by ns, host and default", () => {
  const { rules: named } = readConfig({
    RULES: [
      { prefix: "hub.example", upstream: "docker.io", default: true },
      {
        prefix: "quay.io",
        upstream: "quay.io",
        host: ["quay.mirror.example.com", "q.localhost:8787"],
      },
      { prefix: "team-quay", upstream: "quay.io", credentials: "T" },
      { prefix: "part-quay", upstream: "quay.io", upstreamPrefix: "team" },
      { prefix: "local.example", upstream: "http://127.0.0.1:5000" },
      { prefix: "plain.example", upstream: "http://reg.internal", insecure: true },
      { prefix: "path.example", upstream: "https://harbor.example/proxy", ns: "mcr.microsoft.com" },
    ],
  });

  it.each<[string, string, string | undefined, string | undefined, string, string]>([
    // default
    ["library/alpine", "mirror.example.com", undefined, undefined, "hub.example", "library/alpine"],
    ["alpine", "127.0.0.1:8787", undefined, undefined, "hub.example", "library/alpine"],
    ["quay.io/a/b", "mirror.example.com", undefined, undefined, "quay.io", "a/b"],
    ["team/x", "entrepot.acme.workers.dev", undefined, undefined, "hub.example", "team/x"],
    // ns
    ["library/alpine", "m.example", "docker.io", undefined, "hub.example", "library/alpine"],
    ["library/alpine", "m.example", "index.docker.io", undefined, "hub.example", "library/alpine"],
    [
      "library/alpine",
      "m.example",
      "registry-1.docker.io",
      undefined,
      "hub.example",
      "library/alpine",
    ],
    [
      "hub.example/library/alpine",
      "m.example",
      "docker.io",
      undefined,
      "hub.example",
      "library/alpine",
    ],
    ["a/b", "m.example", "quay.io", undefined, "quay.io", "a/b"],
    ["a/b", "m.example", "quay.io:443", undefined, "quay.io", "a/b"],
    ["a/b", "m.example", "QUAY.io", undefined, "quay.io", "a/b"],
    ["a/b", "m.example", "127.0.0.1:5000", undefined, "local.example", "a/b"],
    ["a/b", "m.example", "reg.internal", undefined, "plain.example", "a/b"],
    ["a/b", "m.example", "reg.internal:80", undefined, "plain.example", "a/b"],
    ["a/b", "m.example", "mcr.microsoft.com", undefined, "path.example", "a/b"],
    // ns chooses the rule, and only its own prefix is taken off
    ["quay.io/a/b", "m.example", "docker.io", undefined, "hub.example", "quay.io/a/b"],
    ["hub.example/a/b", "m.example", "quay.io", undefined, "quay.io", "hub.example/a/b"],
    // of several rules of one upstream, the one whose prefix it has
    ["team-quay/a/b", "m.example", "quay.io", undefined, "team-quay", "a/b"],
    ["part-quay/a", "m.example", "quay.io", undefined, "part-quay", "team/a"],
    // host
    ["a/b", "quay.mirror.example.com", undefined, undefined, "quay.io", "a/b"],
    ["a/b", "quay.mirror.example.com:8443", undefined, undefined, "quay.io", "a/b"],
    ["a/b", "quay.mirror.example.com.", undefined, undefined, "quay.io", "a/b"],
    ["a/b", "q.localhost.:8787", undefined, undefined, "quay.io", "a/b"],
    ["a/b", "m.example", "quay.io.", undefined, "quay.io", "a/b"],
    ["a/b", "q.localhost:8787", undefined, undefined, "quay.io", "a/b"],
    ["quay.io/a/b", "quay.mirror.example.com", undefined, undefined, "quay.io", "a/b"],
    [
      "hub.example/a/b",
      "quay.mirror.example.com",
      undefined,
      undefined,
      "quay.io",
      "hub.example/a/b",
    ],
    ["a/b", "quay.mirror.example.com", "quay.io", undefined, "quay.io", "a/b"],
  ])("%s at %s, ns %s", (name, host, ns, _, rule, repository) => {
    const routed = route(named, { name, host, ns });
    expect([routed?.configured.rule.name, routed?.repository]).toEqual([rule, repository]);
  });

  it.each<[string, string, string, string?]>([
    ["an unknown ns", "a/b", "m.example", "evil.example"],
    ["an unknown ns, at a name that a prefix takes", "quay.io/a", "m.example", "evil.example"],
    ["an empty ns", "a/b", "m.example", ""],
    ["the host of an upstream under a path", "a/b", "m.example", "harbor.example"],
    ["a port that is another", "a/b", "m.example", "127.0.0.1:5001"],
    ["a host and an ns that do not agree", "a/b", "quay.mirror.example.com", "docker.io"],
    ["a host beside a rule's", "a/b", "other.mirror.example.com"],
    ["a host beside a rule's, with the dot of the root", "a/b", "other.mirror.example.com."],
    ["a host beside a rule's on loopback", "a/b", "other.localhost:8787"],
    ["a rule's host on another port", "a/b", "q.localhost:9999"],
    ["another registry's name, at Docker Hub's default rule", "ghcr.io/a/b", "m.example"],
  ])("%s leads nowhere", (_, name, host, ns) => {
    expect(route(named, { name, host, ns })).toBeUndefined();
  });
});
