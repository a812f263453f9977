// Where credentials may go.

import { expect, it } from "vitest";
import { mayTrustRealm } from "../../src/upstream/authorization/realm.ts";
import { ruleOf } from "../config/rules.ts";

it.each<[string, string, string, boolean]>([
  // The upstream's own origin.
  ["the same host", "https://quay.io", "https://quay.io/v2/auth", true],
  ["GHCR's", "ghcr.io", "https://ghcr.io/token", true],
  ["ECR Public's", "public.ecr.aws", "https://public.ecr.aws/token/", true],
  ["a port that https has anyway", "https://a.example:443", "https://a.example/token", true],
  ["the upstream's own port", "https://a.example:8443", "https://a.example:8443/token", true],
  ["another path of the upstream's", "https://a.example/team", "https://a.example/token", true],
  ["the same IPv6 address", "https://[2001:db8::1]", "https://[2001:db8::1]/token", true],
  ["the same bare name", "https://registry", "https://registry/token", true],
  ["an http upstream's own", "http://localhost:5000", "http://localhost:5000/token", true],
  // Known by name.
  ["Docker Hub's token service", "docker.io", "https://auth.docker.io/token", true],
  ["GitLab's", "https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true],
  ["DigitalOcean's", "registry.digitalocean.com", "https://api.digitalocean.com/v2/x", true],
  [
    "Alibaba's, of the same region",
    "registry.cn-hangzhou.aliyuncs.com",
    "https://dockerauth.cn-hangzhou.aliyuncs.com/auth",
    true,
  ],
  [
    "Alibaba's, of another region",
    "registry.cn-hangzhou.aliyuncs.com",
    "https://dockerauth.cn-beijing.aliyuncs.com/auth",
    false,
  ],
  ["Docker Hub's, at another port", "docker.io", "https://auth.docker.io:8443/token", false],
  ["Docker Hub's, for another registry", "quay.io", "https://auth.docker.io/token", false],
  [
    "Docker Hub's, for a registry at another port",
    "https://registry-1.docker.io:8443",
    "https://auth.docker.io/token",
    false,
  ],
  ["another name of Docker Hub's site", "docker.io", "https://hub.docker.io/token", false],
  ["GitLab's, for one of one's own", "registry.a.example", "https://gitlab.com/jwt/auth", false],
  // The same site is not the same origin: anyone may listen at its other ports and names.
  ["another port", "https://a.example.com", "https://a.example.com:8443/token", false],
  ["a higher port of a high one", "https://a.example:5000", "https://a.example:5001/token", false],
  ["the usual port of a high one", "https://a.example:5000", "https://a.example/token", false],
  ["a parent's host", "https://registry.a.example", "https://a.example/jwt/auth", false],
  ["a child's host", "https://a.example", "https://auth.a.example/token", false],
  ["a sibling's host", "https://r.example.co.uk", "https://auth.example.co.uk/token", false],
  ["another port of the same address", "https://192.0.2.1", "https://192.0.2.1:5001/token", false],
  ["http, another port", "http://localhost:5000", "http://localhost:5001/token", false],
  ["another site", "https://quay.io", "https://evil.example/token", false],
  ["a host that begins like it", "docker.io", "https://auth.docker.io.evil.example/token", false],
  ["a host that ends like it", "docker.io", "https://evildocker.io/token", false],
  ["a neighbour at github.io", "https://a.github.io", "https://b.github.io/token", false],
  ["the same at github.io", "https://r.a.github.io", "https://auth.a.github.io/token", false],
  ["the suffix itself", "https://a.github.io", "https://github.io/token", false],
  ["a neighbouring address", "https://192.0.2.1", "https://192.0.3.1/token", false],
  ["another IPv6 address", "https://[2001:db8::1]", "https://[2001:db8::2]/token", false],
  ["another bare name", "https://registry", "https://auth/token", false],
  ["the root's dot", "https://a.example", "https://a.example./token", false],
  // Neither down nor up.
  ["the same host without TLS", "https://quay.io", "http://quay.io/token", false],
  ["the same host and port without TLS", "https://a.example:80", "http://a.example/token", false],
  ["TLS for an http upstream", "http://localhost:5000", "https://localhost:5000/token", false],
])("%s", (_, upstream, realm, expected) => {
  expect(mayTrustRealm(new URL(realm), ruleOf({ upstream }))).toBe(expected);
});

it.each<[string, string | string[], string, boolean]>([
  ["a host", "auth.other.example", "https://auth.other.example/token", true],
  ["one of several", ["a.example", "b.example"], "https://b.example/token", true],
  ["a URL", "https://auth.other.example/token", "https://auth.other.example/token2", true],
  ["a host, at another port", "auth.other.example", "https://auth.other.example:8443/token", false],
  ["a host and a port", "auth.other.example:8443", "https://auth.other.example:8443/token", true],
  ["a host, for its neighbour", "auth.other.example", "https://x.other.example/token", false],
  ["a host, for its child", "other.example", "https://auth.other.example/token", false],
  ["a host, without TLS", "auth.other.example", "http://auth.other.example/token", false],
])("the rule's realm is %s", (_, realm, url, expected) => {
  expect(mayTrustRealm(new URL(url), ruleOf({ upstream: "quay.io", realm }))).toBe(expected);
});

it.each<[string, string, string, boolean]>([
  ["a host", "localhost:7000", "http://localhost:7000/token", true],
  ["a host, with TLS", "localhost:7000", "https://localhost:7000/token", true],
  ["a host and http's own port", "localhost:80", "http://localhost/token", true],
  ["a URL with TLS", "https://localhost:7000/token", "http://localhost:7000/token", false],
  ["a URL without", "http://localhost:7000/token", "http://localhost:7000/x", true],
  ["a URL without, with TLS", "http://localhost:7000/token", "https://localhost:7000/x", false],
])("for an http upstream, the rule's realm is %s", (_, realm, url, expected) => {
  const rule = ruleOf({ upstream: "http://localhost:5000", realm });
  expect(mayTrustRealm(new URL(url), rule)).toBe(expected);
});

it("a rule of before, whose realm was kept as a host, means what it meant", () => {
  const rule = { ...ruleOf({ upstream: "quay.io" }), realms: ["auth.other.example"] };
  expect(mayTrustRealm(new URL("https://auth.other.example/token"), rule)).toBe(true);
});
