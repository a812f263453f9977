// Where credentials may go.

import { expect, it } from "vitest";
import { mayTrustRealm } from "../../src/upstream/authorization/realm.ts";
import { ruleOf } from "../config/rules.ts";

it.each<{ title: string; upstream: string; realm: string; expected: boolean }>([
  // The upstream's own origin.
  {
    title: "the same host",
    upstream: "https://quay.io",
    realm: "https://quay.io/v2/auth",
    expected: true,
  },
  { title: "GHCR's", upstream: "ghcr.io", realm: "https://ghcr.io/token", expected: true },
  {
    title: "ECR Public's",
    upstream: "public.ecr.aws",
    realm: "https://public.ecr.aws/token/",
    expected: true,
  },
  {
    title: "a port that https has anyway",
    upstream: "https://a.example:443",
    realm: "https://a.example/token",
    expected: true,
  },
  {
    title: "the upstream's own port",
    upstream: "https://a.example:8443",
    realm: "https://a.example:8443/token",
    expected: true,
  },
  {
    title: "another path of the upstream's",
    upstream: "https://a.example/team",
    realm: "https://a.example/token",
    expected: true,
  },
  {
    title: "the same IPv6 address",
    upstream: "https://[2001:db8::1]",
    realm: "https://[2001:db8::1]/token",
    expected: true,
  },
  {
    title: "the same bare name",
    upstream: "https://registry",
    realm: "https://registry/token",
    expected: true,
  },
  {
    title: "an http upstream's own",
    upstream: "http://localhost:5000",
    realm: "http://localhost:5000/token",
    expected: true,
  },
  // Known by name.
  {
    title: "Docker Hub's token service",
    upstream: "docker.io",
    realm: "https://auth.docker.io/token",
    expected: true,
  },
  {
    title: "GitLab's",
    upstream: "https://registry.gitlab.com",
    realm: "https://gitlab.com/jwt/auth",
    expected: true,
  },
  {
    title: "DigitalOcean's",
    upstream: "registry.digitalocean.com",
    realm: "https://api.digitalocean.com/v2/x",
    expected: true,
  },
  {
    title: "Alibaba's, of the same region",
    upstream: "registry.cn-hangzhou.aliyuncs.com",
    realm: "https://dockerauth.cn-hangzhou.aliyuncs.com/auth",
    expected: true,
  },
  {
    title: "Alibaba's, of another region",
    upstream: "registry.cn-hangzhou.aliyuncs.com",
    realm: "https://dockerauth.cn-beijing.aliyuncs.com/auth",
    expected: false,
  },
  {
    title: "Docker Hub's, at another port",
    upstream: "docker.io",
    realm: "https://auth.docker.io:8443/token",
    expected: false,
  },
  {
    title: "Docker Hub's, for another registry",
    upstream: "quay.io",
    realm: "https://auth.docker.io/token",
    expected: false,
  },
  {
    title: "Docker Hub's, for a registry at another port",
    upstream: "https://registry-1.docker.io:8443",
    realm: "https://auth.docker.io/token",
    expected: false,
  },
  {
    title: "another name of Docker Hub's site",
    upstream: "docker.io",
    realm: "https://hub.docker.io/token",
    expected: false,
  },
  {
    title: "GitLab's, for one of one's own",
    upstream: "registry.a.example",
    realm: "https://gitlab.com/jwt/auth",
    expected: false,
  },
  // The same site is not the same origin: anyone may listen at its other ports and names.
  {
    title: "another port",
    upstream: "https://a.example.com",
    realm: "https://a.example.com:8443/token",
    expected: false,
  },
  {
    title: "a higher port of a high one",
    upstream: "https://a.example:5000",
    realm: "https://a.example:5001/token",
    expected: false,
  },
  {
    title: "the usual port of a high one",
    upstream: "https://a.example:5000",
    realm: "https://a.example/token",
    expected: false,
  },
  {
    title: "a parent's host",
    upstream: "https://registry.a.example",
    realm: "https://a.example/jwt/auth",
    expected: false,
  },
  {
    title: "a child's host",
    upstream: "https://a.example",
    realm: "https://auth.a.example/token",
    expected: false,
  },
  {
    title: "a sibling's host",
    upstream: "https://r.example.co.uk",
    realm: "https://auth.example.co.uk/token",
    expected: false,
  },
  {
    title: "another port of the same address",
    upstream: "https://192.0.2.1",
    realm: "https://192.0.2.1:5001/token",
    expected: false,
  },
  {
    title: "http, another port",
    upstream: "http://localhost:5000",
    realm: "http://localhost:5001/token",
    expected: false,
  },
  {
    title: "another site",
    upstream: "https://quay.io",
    realm: "https://evil.example/token",
    expected: false,
  },
  {
    title: "a host that begins like it",
    upstream: "docker.io",
    realm: "https://auth.docker.io.evil.example/token",
    expected: false,
  },
  {
    title: "a host that ends like it",
    upstream: "docker.io",
    realm: "https://evildocker.io/token",
    expected: false,
  },
  {
    title: "a neighbour at github.io",
    upstream: "https://a.github.io",
    realm: "https://b.github.io/token",
    expected: false,
  },
  {
    title: "the same at github.io",
    upstream: "https://r.a.github.io",
    realm: "https://auth.a.github.io/token",
    expected: false,
  },
  {
    title: "the suffix itself",
    upstream: "https://a.github.io",
    realm: "https://github.io/token",
    expected: false,
  },
  {
    title: "a neighbouring address",
    upstream: "https://192.0.2.1",
    realm: "https://192.0.3.1/token",
    expected: false,
  },
  {
    title: "another IPv6 address",
    upstream: "https://[2001:db8::1]",
    realm: "https://[2001:db8::2]/token",
    expected: false,
  },
  {
    title: "another bare name",
    upstream: "https://registry",
    realm: "https://auth/token",
    expected: false,
  },
  {
    title: "the root's dot",
    upstream: "https://a.example",
    realm: "https://a.example./token",
    expected: false,
  },
  // Neither down nor up.
  {
    title: "the same host without TLS",
    upstream: "https://quay.io",
    realm: "http://quay.io/token",
    expected: false,
  },
  {
    title: "the same host and port without TLS",
    upstream: "https://a.example:80",
    realm: "http://a.example/token",
    expected: false,
  },
  {
    title: "TLS for an http upstream",
    upstream: "http://localhost:5000",
    realm: "https://localhost:5000/token",
    expected: false,
  },
])("$title", ({ upstream, realm, expected }) => {
  expect(mayTrustRealm(new URL(realm), ruleOf({ upstream }))).toBe(expected);
});

it.each<{ title: string; realm: string | string[]; url: string; expected: boolean }>([
  {
    title: "a host",
    realm: "auth.other.example",
    url: "https://auth.other.example/token",
    expected: true,
  },
  {
    title: "one of several",
    realm: ["a.example", "b.example"],
    url: "https://b.example/token",
    expected: true,
  },
  {
    title: "a URL",
    realm: "https://auth.other.example/token",
    url: "https://auth.other.example/token2",
    expected: true,
  },
  {
    title: "a host, at another port",
    realm: "auth.other.example",
    url: "https://auth.other.example:8443/token",
    expected: false,
  },
  {
    title: "a host and a port",
    realm: "auth.other.example:8443",
    url: "https://auth.other.example:8443/token",
    expected: true,
  },
  {
    title: "a host, for its neighbour",
    realm: "auth.other.example",
    url: "https://x.other.example/token",
    expected: false,
  },
  {
    title: "a host, for its child",
    realm: "other.example",
    url: "https://auth.other.example/token",
    expected: false,
  },
  {
    title: "a host, without TLS",
    realm: "auth.other.example",
    url: "http://auth.other.example/token",
    expected: false,
  },
])("the rule's realm is $title", ({ realm, url, expected }) => {
  expect(mayTrustRealm(new URL(url), ruleOf({ upstream: "quay.io", realm }))).toBe(expected);
});

it.each<{ title: string; realm: string; url: string; expected: boolean }>([
  { title: "a host", realm: "localhost:7000", url: "http://localhost:7000/token", expected: true },
  {
    title: "a host, with TLS",
    realm: "localhost:7000",
    url: "https://localhost:7000/token",
    expected: true,
  },
  {
    title: "a host and http's own port",
    realm: "localhost:80",
    url: "http://localhost/token",
    expected: true,
  },
  {
    title: "a URL with TLS",
    realm: "https://localhost:7000/token",
    url: "http://localhost:7000/token",
    expected: false,
  },
  {
    title: "a URL without",
    realm: "http://localhost:7000/token",
    url: "http://localhost:7000/x",
    expected: true,
  },
  {
    title: "a URL without, with TLS",
    realm: "http://localhost:7000/token",
    url: "https://localhost:7000/x",
    expected: false,
  },
])("for an http upstream, the rule's realm is $title", ({ realm, url, expected }) => {
  const rule = ruleOf({ upstream: "http://localhost:5000", realm });
  expect(mayTrustRealm(new URL(url), rule)).toBe(expected);
});

it("a rule of before, whose realm was kept as a host, means what it meant", () => {
  const rule = { ...ruleOf({ upstream: "quay.io" }), realms: ["auth.other.example"] };
  expect(mayTrustRealm(new URL("https://auth.other.example/token"), rule)).toBe(true);
});
