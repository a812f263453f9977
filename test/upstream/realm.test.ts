// Where credentials may go.

import { expect, it } from "vitest";
import { mayTrustRealm } from "../../src/upstream/realm.ts";
import { ruleOf } from "../config/rules.ts";

it.each<[string, string, string, boolean]>([
  ["Docker Hub's token service", "docker.io", "https://auth.docker.io/token", true],
  ["the same host", "https://quay.io", "https://quay.io/v2/auth", true],
  ["a parent's host", "https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true],
  ["another port", "https://a.example.com", "https://a.example.com:8443/token", true],
  ["a site of two labels", "https://r.example.co.uk", "https://auth.example.co.uk/token", true],
  ["another site", "https://quay.io", "https://evil.example/token", false],
  [
    "another site of the same suffix",
    "https://a.example.co.uk",
    "https://a.other.co.uk/token",
    false,
  ],
  ["a host that begins like it", "docker.io", "https://auth.docker.io.evil.example/token", false],
  ["a host that ends like it", "docker.io", "https://evildocker.io/token", false],
  // Under a private suffix, every name is somebody else's.
  ["a neighbour at github.io", "https://a.github.io", "https://b.github.io/token", false],
  ["the same at github.io", "https://r.a.github.io", "https://auth.a.github.io/token", true],
  ["a neighbour at workers.dev", "https://a.workers.dev", "https://b.workers.dev/token", false],
  ["the suffix itself", "https://a.github.io", "https://github.io/token", false],
  // Addresses and bare names are sites of their own.
  ["the same address", "https://192.0.2.1", "https://192.0.2.1:5001/token", true],
  ["a neighbouring address", "https://192.0.2.1", "https://192.0.3.1/token", false],
  ["the same IPv6 address", "https://[2001:db8::1]", "https://[2001:db8::1]/token", true],
  ["another IPv6 address", "https://[2001:db8::1]", "https://[2001:db8::2]/token", false],
  ["the same bare name", "https://registry", "https://registry/token", true],
  ["another bare name", "https://registry", "https://auth/token", false],
  // Never down.
  ["the same host without TLS", "https://quay.io", "http://quay.io/token", false],
  ["an http upstream's own", "http://localhost:5000", "http://localhost:5001/token", true],
  ["TLS for an http upstream", "http://localhost:5000", "https://localhost:5001/token", true],
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
