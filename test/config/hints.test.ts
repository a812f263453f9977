// What `check` says of rules that can be used, and may not do what was meant.

import { describe, expect, it } from "vitest";
import { hintsOf } from "../../src/config/hints.ts";
import { ruleOf } from "./rules.ts";

const hinted = (fields: object) => hintsOf(ruleOf(fields)).join("\n");

describe("a path before /v2", () => {
  it.each([
    {
      title: "Harbor's project",
      upstream: "https://harbor.example.com/hub-proxy",
      host: "https://harbor.example.com",
      prefix: "hub-proxy",
    },
    {
      title: "with a port",
      upstream: "https://harbor.example.com:8443/p",
      host: "https://harbor.example.com:8443",
      prefix: "p",
    },
    {
      title: "without a scheme",
      upstream: "harbor.example.com/p/q",
      host: "https://harbor.example.com",
      prefix: "p/q",
    },
    {
      title: "on loopback",
      upstream: "http://127.0.0.1:5000/p",
      host: "http://127.0.0.1:5000",
      prefix: "p",
    },
    {
      title: "with /v2 before it",
      upstream: "https://harbor.example.com/v2/p",
      host: "https://harbor.example.com",
      prefix: "p",
    },
    {
      title: "with /v2 in the middle",
      upstream: "https://h.example.com/a/v2/p/q",
      host: "https://h.example.com/a",
      prefix: "p/q",
    },
    {
      title: "Google's repository",
      upstream: "https://europe-docker.pkg.dev/my-project/hub",
      host: "https://europe-docker.pkg.dev",
      prefix: "my-project/hub",
    },
    { title: "an organisation", upstream: "ghcr.io/acme", host: "https://ghcr.io", prefix: "acme" },
    {
      title: "a namespace of Docker Hub",
      upstream: "docker.io/grafana",
      host: "https://registry-1.docker.io",
      prefix: "grafana",
    },
  ])("$title: $upstream is explained", ({ upstream, host, prefix }) => {
    const hint = hinted({ upstream });
    expect(hint).toMatch(/path goes before \/v2: requests go to https?:\/\/.*\/v2\/…/);
    expect(hint).toContain(`write upstream = "${host}" and upstreamPrefix = "${prefix}"`);
  });

  it("goes before an upstreamPrefix that is there already", () => {
    expect(hinted({ upstream: "https://harbor.example.com/p", upstreamPrefix: "q" })).toContain(
      'upstreamPrefix = "p/q"',
    );
  });

  it("that is no part of a name is explained without an example", () => {
    const hint = hinted({ upstream: "https://registry.example.com/Some/Path" });
    expect(hint).toContain("path goes before /v2");
    expect(hint).not.toContain("upstreamPrefix =");
  });

  it.each([
    ["Nexus", "https://nexus.example.com/repository/team"],
    ["Artifactory", "https://acme.jfrog.io/artifactory/api/docker/team"],
    ["Artifactory", "https://docker.example.com/api/docker/team"],
  ])("is right for %s: %s", (whose, upstream) => {
    const hint = hinted({ upstream });
    expect(hint).toContain(`as ${whose} expects`);
    expect(hint).not.toContain("upstreamPrefix");
  });

  it.each(["registry.example.com", "https://registry.example.com/", "docker.io"])(
    "is not spoken of for %s",
    (upstream) => {
      expect(hinted({ upstream })).toBe("");
    },
  );
});

describe("Docker Hub's names at another registry", () => {
  const HINT = /set dockerHub = true/;

  it.each<[string, object]>([
    ["a prefix", { prefix: "docker.io" }],
    ["an alias", { prefix: ["hub.example", "docker-hub"] }],
    ["an ns", { ns: ["docker.io"] }],
    ["an ns by another name", { ns: ["index.docker.io"] }],
    ["a project", { upstreamPrefix: "hub-proxy" }],
    ["a project with its team", { upstreamPrefix: "team/dockerhub-cache" }],
    ["a path", { upstream: "https://nexus.example.com/repository/docker-hub" }],
    [
      "Artifactory's usual name",
      { upstream: "https://a.example.com/artifactory/api/docker/docker-remote" },
    ],
    ["the default rule", { prefix: undefined, default: true }],
    ["Google's cache", { upstream: "mirror.gcr.io" }],
    [
      "Amazon's copies",
      { prefix: "docker.io", upstream: "public.ecr.aws", upstreamPrefix: "docker" },
    ],
  ])("%s: it is suggested", (_, fields) => {
    expect(hinted(fields)).toMatch(HINT);
    expect(hinted({ ...fields, dockerHub: true })).not.toMatch(HINT);
  });

  it.each<[string, object]>([
    ["Docker Hub itself", { prefix: "docker.io", upstream: "docker.io", default: true }],
    [
      "Docker Hub's namespace",
      { prefix: "docker-hub", upstream: "docker.io", upstreamPrefix: "team" },
    ],
    ["another registry", { prefix: "ghcr.io", upstream: "ghcr.io" }],
    ["another registry, as the default", { prefix: "quay.io", upstream: "quay.io", default: true }],
    [
      "another's name that begins alike",
      { prefix: "docker.elastic.co", upstream: "docker.elastic.co" },
    ],
    ["what ends alike", { prefix: "mydocker.io", upstream: "mydocker.io" }],
    ["a word with hub", { prefix: "github-packages", upstreamPrefix: "hub" }],
  ])("%s: it is not", (_, fields) => {
    expect(hinted(fields)).not.toMatch(HINT);
  });
});
