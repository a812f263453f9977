// Where an upstream's word may lead: nowhere that the configuration does not imply.

import { describe, expect, it } from "vitest";
import { wrongWith } from "../../src/upstream/client/reach.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";

const PUBLIC = "https://registry.example.com/v2/";
const PRIVATE = [
  "10.1.2.3",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "[fd00::1]",
  "vault.corp.internal",
  "printer.local",
  "git.corp",
  "nas.home",
  "db.localdomain",
  "db",
];
const LOOPBACK = [
  "127.0.0.1",
  "127.9.9.9",
  "[::1]",
  "localhost",
  "a.localhost",
  "2130706433",
  "0x7f.1",
  "localhost.",
];
const SPECIAL = [
  "169.254.169.254",
  "[fe80::1]",
  "0.0.0.0",
  "255.255.255.255",
  "224.0.0.1",
  "[64:ff9b::a00:1]",
  "[2002:a00:1::]",
  "[::127.0.0.1]",
  "[::10.0.0.1]",
  "[4000::1]",
];
const MAPPED = ["[::ffff:10.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]"];

const isWrong = (target: string, from = PUBLIC) =>
  wrongWith(new URL(target), new URL(from)) !== undefined;

describe("from a public upstream", () => {
  it.each([...PRIVATE, ...LOOPBACK, ...SPECIAL, ...MAPPED])("%s is not gone to", (host) => {
    expect(isWrong(`https://${host}/latest`)).toBe(true);
    expect(isWrong(`https://${host}:8443/latest`)).toBe(true);
  });

  it.each(["cdn.example.net", "203.0.114.7", "[2a00:1450::1]", "1.1.1.1"])("%s is", (host) => {
    expect(isWrong(`https://${host}/blob`)).toBe(false);
  });

  it.each([
    "http://cdn.example.net",
    "ftp://cdn.example.net",
    "file:///etc/passwd",
    "javascript:1",
    "https://a:b@cdn.example.net",
  ])("%s is not", (target) => {
    expect(isWrong(target)).toBe(true);
  });
});

it("a private upstream leads to what is private, or public, and not to this machine or a cloud's own addresses", () => {
  const from = "http://registry.corp.internal:5000/v2/";
  for (const host of [...PRIVATE, "cdn.example.net"])
    expect(isWrong(`http://${host}/`, from)).toBe(false);
  for (const host of [...LOOPBACK, ...SPECIAL]) expect(isWrong(`http://${host}/`, from)).toBe(true);
  for (const host of LOOPBACK)
    expect(isWrong(`http://${host}:1/`, "http://127.0.0.1:5000/")).toBe(false);
  expect(isWrong("http://10.0.0.1/", "http://127.0.0.1:5000/")).toBe(true);
  expect(isWrong("https://169.254.1.1/x", "https://169.254.1.1/y")).toBe(false); // itself
});

describe("an upstream", () => {
  it.each([...PRIVATE, ...SPECIAL].map((host) => `http://${host}/latest/meta-data`))(
    "that redirects to %s is not followed there",
    async (location) => {
      const name = repository("leads-away");
      const { digest } = await fixture.blob(name, "somewhere else");
      const match = { repository: name, kind: "blob" } as const;
      await fixture.fault({ match, times: 0, do: { redirect: location } });
      const response = await cacheApart().fetch(`open/${name}/blobs/${digest}`);
      expect(response.status).toBe(502);
      expect(await response.text()).toContain("redirected to an address that is not public");
    },
  );

  it.each([
    "http://169.254.169.254/token",
    "http://10.0.0.1/token",
    "http://user:pass@127.0.0.1/token",
    "gopher://127.0.0.1/",
    "http://localhost:1/token",
    "https://evil.example/token",
  ])("whose challenge names %s is not asked for a token there", async (realm) => {
    const name = repository("realm");
    await fixture.image(name, "1");
    await fixture.fault({
      match: { repository: name, unauthorized: true },
      times: 0,
      do: { status: 401, headers: { "www-authenticate": `Bearer realm="${realm}",service="x"` } },
    });
    const response = await cacheApart().fetch(`bearer/${name}/manifests/1`);
    expect(response.status).toBe(502);
    expect(await response.text()).toMatch(/names no usable token service|which is another origin/);
  });
});
