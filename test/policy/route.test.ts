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
    { name: "quay/x", host: "quay.io", repository: "x" },
    { name: "quay/x/y/z", host: "quay.io", repository: "x/y/z" },
    // the longest
    { name: "quay/team/x", host: "team.example", repository: "x" },
    { name: "quay/team/deep/x", host: "deep.example", repository: "x" },
    { name: "quay/team/deeper/x", host: "team.example", repository: "deeper/x" },
    { name: "quay/teams/x", host: "quay.io", repository: "teams/x" },
    { name: "quay/team", host: "quay.io", repository: "team" },
    { name: "quay/quay/x", host: "quay.io", repository: "quay/x" },
    // of two parts
    { name: "a/b/c", host: "two-parts.example", repository: "c" },
    { name: "a/b/a/b", host: "two-parts.example", repository: "a/b" },
    // aliases
    {
      name: "docker.io/library/ubuntu",
      host: "registry-1.docker.io",
      repository: "library/ubuntu",
    },
    {
      name: "docker-hub/library/ubuntu",
      host: "registry-1.docker.io",
      repository: "library/ubuntu",
    },
    // official images
    { name: "docker-hub/ubuntu", host: "registry-1.docker.io", repository: "library/ubuntu" },
    { name: "docker.io/ubuntu", host: "registry-1.docker.io", repository: "library/ubuntu" },
    { name: "docker-hub/library", host: "registry-1.docker.io", repository: "library/library" },
    {
      name: "docker-hub/grafana/grafana",
      host: "registry-1.docker.io",
      repository: "grafana/grafana",
    },
    { name: "quay/ubuntu", host: "quay.io", repository: "ubuntu" },
    // upstreamPrefix
    { name: "ours/x", host: "harbor.example", repository: "proxy/cache/x" },
    { name: "ours/x/y", host: "harbor.example", repository: "proxy/cache/x/y" },
    { name: "hub-team/x", host: "registry-1.docker.io", repository: "team/x" },
    // another registry in front of Docker Hub
    { name: "hub/alpine", host: "harbor.example", repository: "hub-proxy/library/alpine" },
    { name: "hub/library/alpine", host: "harbor.example", repository: "hub-proxy/library/alpine" },
    { name: "hub/library", host: "harbor.example", repository: "hub-proxy/library/library" },
    {
      name: "hub/grafana/grafana",
      host: "harbor.example",
      repository: "hub-proxy/grafana/grafana",
    },
    { name: "hub/a/b/c", host: "harbor.example", repository: "hub-proxy/a/b/c" },
    { name: "nexus/alpine", host: "nexus.example/repository/hub", repository: "library/alpine" },
    { name: "nexus/team/x", host: "nexus.example/repository/hub", repository: "team/x" },
    { name: "gar/alpine", host: "gar.example", repository: "p/r/library/alpine" },
    { name: "said/alpine", host: "registry-1.docker.io", repository: "library/alpine" },
    // at Docker Hub itself it is a namespace, whatever is said
    { name: "said-team/x", host: "registry-1.docker.io", repository: "team/x" },
  ])("$name", ({ name, host, repository }) => {
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

  it.each<{
    name: string;
    host: string;
    ns?: string;
    rule: string;
    repository: string;
  }>([
    // default
    {
      name: "library/alpine",
      host: "mirror.example.com",
      rule: "hub.example",
      repository: "library/alpine",
    },
    { name: "alpine", host: "127.0.0.1:8787", rule: "hub.example", repository: "library/alpine" },
    { name: "quay.io/a/b", host: "mirror.example.com", rule: "quay.io", repository: "a/b" },
    {
      name: "team/x",
      host: "entrepot.acme.workers.dev",
      rule: "hub.example",
      repository: "team/x",
    },
    // ns
    {
      name: "library/alpine",
      host: "m.example",
      ns: "docker.io",
      rule: "hub.example",
      repository: "library/alpine",
    },
    {
      name: "library/alpine",
      host: "m.example",
      ns: "index.docker.io",
      rule: "hub.example",
      repository: "library/alpine",
    },
    {
      name: "library/alpine",
      host: "m.example",
      ns: "registry-1.docker.io",
      rule: "hub.example",
      repository: "library/alpine",
    },
    {
      name: "hub.example/library/alpine",
      host: "m.example",
      ns: "docker.io",
      rule: "hub.example",
      repository: "library/alpine",
    },
    { name: "a/b", host: "m.example", ns: "quay.io", rule: "quay.io", repository: "a/b" },
    { name: "a/b", host: "m.example", ns: "quay.io:443", rule: "quay.io", repository: "a/b" },
    { name: "a/b", host: "m.example", ns: "QUAY.io", rule: "quay.io", repository: "a/b" },
    {
      name: "a/b",
      host: "m.example",
      ns: "127.0.0.1:5000",
      rule: "local.example",
      repository: "a/b",
    },
    {
      name: "a/b",
      host: "m.example",
      ns: "reg.internal",
      rule: "plain.example",
      repository: "a/b",
    },
    {
      name: "a/b",
      host: "m.example",
      ns: "reg.internal:80",
      rule: "plain.example",
      repository: "a/b",
    },
    {
      name: "a/b",
      host: "m.example",
      ns: "mcr.microsoft.com",
      rule: "path.example",
      repository: "a/b",
    },
    // ns chooses the rule, and only its own prefix is taken off
    {
      name: "quay.io/a/b",
      host: "m.example",
      ns: "docker.io",
      rule: "hub.example",
      repository: "quay.io/a/b",
    },
    {
      name: "hub.example/a/b",
      host: "m.example",
      ns: "quay.io",
      rule: "quay.io",
      repository: "hub.example/a/b",
    },
    // of several rules of one upstream, the one whose prefix it has
    {
      name: "team-quay/a/b",
      host: "m.example",
      ns: "quay.io",
      rule: "team-quay",
      repository: "a/b",
    },
    {
      name: "part-quay/a",
      host: "m.example",
      ns: "quay.io",
      rule: "part-quay",
      repository: "team/a",
    },
    // host
    { name: "a/b", host: "quay.mirror.example.com", rule: "quay.io", repository: "a/b" },
    { name: "a/b", host: "quay.mirror.example.com:8443", rule: "quay.io", repository: "a/b" },
    { name: "a/b", host: "quay.mirror.example.com.", rule: "quay.io", repository: "a/b" },
    { name: "a/b", host: "q.localhost.:8787", rule: "quay.io", repository: "a/b" },
    { name: "a/b", host: "m.example", ns: "quay.io.", rule: "quay.io", repository: "a/b" },
    { name: "a/b", host: "q.localhost:8787", rule: "quay.io", repository: "a/b" },
    { name: "quay.io/a/b", host: "quay.mirror.example.com", rule: "quay.io", repository: "a/b" },
    {
      name: "hub.example/a/b",
      host: "quay.mirror.example.com",
      rule: "quay.io",
      repository: "hub.example/a/b",
    },
    {
      name: "a/b",
      host: "quay.mirror.example.com",
      ns: "quay.io",
      rule: "quay.io",
      repository: "a/b",
    },
  ])("$name at $host, ns $ns", ({ name, host, ns, rule, repository }) => {
    const routed = route(named, { name, host, ns });
    expect([routed?.configured.rule.name, routed?.repository]).toEqual([rule, repository]);
  });

  it.each<{ title: string; name: string; host: string; ns?: string }>([
    { title: "an unknown ns", name: "a/b", host: "m.example", ns: "evil.example" },
    {
      title: "an unknown ns, at a name that a prefix takes",
      name: "quay.io/a",
      host: "m.example",
      ns: "evil.example",
    },
    { title: "an empty ns", name: "a/b", host: "m.example", ns: "" },
    {
      title: "the host of an upstream under a path",
      name: "a/b",
      host: "m.example",
      ns: "harbor.example",
    },
    { title: "a port that is another", name: "a/b", host: "m.example", ns: "127.0.0.1:5001" },
    {
      title: "a host and an ns that do not agree",
      name: "a/b",
      host: "quay.mirror.example.com",
      ns: "docker.io",
    },
    { title: "a host beside a rule's", name: "a/b", host: "other.mirror.example.com" },
    {
      title: "a host beside a rule's, with the dot of the root",
      name: "a/b",
      host: "other.mirror.example.com.",
    },
    { title: "a host beside a rule's on loopback", name: "a/b", host: "other.localhost:8787" },
    { title: "a rule's host on another port", name: "a/b", host: "q.localhost:9999" },
    {
      title: "another registry's name, at Docker Hub's default rule",
      name: "ghcr.io/a/b",
      host: "m.example",
    },
  ])("$title leads nowhere", ({ name, host, ns }) => {
    expect(route(named, { name, host, ns })).toBeUndefined();
  });
});
