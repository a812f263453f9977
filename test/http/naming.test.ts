// Every way to name an image, from outside: one name never means two images, and two namings of one share what is cached.

import { describe, expect, it } from "vitest";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { receive } from "../support/transfers.ts";
import { problemOf } from "./problem.ts";

const HOST = "hub.mirror.example.com";

/** @param path of the upstream; one with a path is no registry's name */
function cacheOf(fields: object = {}, path = apartPath()): Cache {
  const upstream = fixture.url("open") + path;
  const rule = { prefix: ["hub.example", "hub-images"], upstream, ns: "registry.example:5000" };
  return new Cache({ RULES: [{ ...rule, default: true, host: HOST, ...fields }] });
}

/** All requests that lead to `name`. */
function namings(name: string): { title: string; path: string; host?: string }[] {
  const registry = "registry.example:5000";
  return [
    { title: "the prefix", path: `hub.example/${name}/manifests/1` },
    { title: "an alias", path: `hub-images/${name}/manifests/1` },
    { title: "no prefix, by the default rule", path: `${name}/manifests/1` },
    { title: "ns", path: `${name}/manifests/1?ns=${registry}` },
    { title: "ns, in another case", path: `${name}/manifests/1?ns=Registry.EXAMPLE%3A5000` },
    {
      title: "ns and a prefix, as override_path sends them",
      path: `hub.example/${name}/manifests/1?ns=${registry}`,
    },
    { title: "the host", path: `${name}/manifests/1`, host: HOST },
    { title: "the host, with a port", path: `${name}/manifests/1`, host: `${HOST}:8443` },
    { title: "the host and a prefix", path: `hub-images/${name}/manifests/1`, host: HOST },
    { title: "the host and ns", path: `${name}/manifests/1?ns=${registry}`, host: HOST },
  ];
}

it("every naming leads to one image, and shares its cached content", async () => {
  const name = repository("named");
  const image = await fixture.image(name, "1");
  const cache = cacheOf();
  for (const { title, path, host } of namings(name)) {
    const received = await receive(cache.fetch(path, {}, host));
    expect([title, received.status, received.digest]).toEqual([title, 200, image.digest]);
  }
  expect(await fixture.requests({ repository: name })).toHaveLength(2); // one HEAD, one GET
});

it("an upstream's own host and port are an ns", async () => {
  const name = repository("own-ns");
  const image = await fixture.image(name, "1");
  const cache = new Cache({ RULES: [{ prefix: "p", upstream: fixture.url("open") }] });
  const path = `${name}/manifests/1?ns=${fixture.host("open")}`;
  expect((await receive(cache.fetch(path))).digest).toBe(image.digest);
});

describe("a name without a rule is 404, names no rule, and reaches no upstream:", () => {
  const name = repository("never");
  it.each([
    { title: "an unknown ns", path: `${name}/manifests/1?ns=evil.example` },
    {
      title: "an ns that listens, without a rule",
      path: `${name}/manifests/1?ns=${fixture.host("bearer")}`,
    },
    {
      title: "an ns beside a prefix that there is",
      path: `hub.example/${name}/manifests/1?ns=evil.example`,
    },
    {
      title: "an ns that is none",
      path: `${name}/manifests/1?ns=http%3A%2F%2F${fixture.host("open")}`,
    },
    { title: "an empty ns", path: `${name}/manifests/1?ns=` },
    {
      title: "a host beside a rule's",
      path: `${name}/manifests/1`,
      host: "other.mirror.example.com",
    },
    {
      title: "a host and an ns that do not agree",
      path: `${name}/manifests/1?ns=${fixture.host("open")}`,
      host: HOST,
    },
  ])("$title", async ({ path, host }) => {
    const problem = await problemOf(cacheOf().fetch(path, {}, host));
    expect(problem).toMatchObject({ status: 404, code: "NAME_UNKNOWN" });
    for (const internal of ["hub.example", "hub-images", "127.0.0.1", "apart", HOST]) {
      if (!path.includes(internal)) expect(problem.message).not.toContain(internal);
    }
    expect(await fixture.requests({ repository: name })).toEqual([]);
  });
});

it("a 429 is a 503 for containerd, which would repeat it: same body, same Retry-After", async () => {
  const name = repository("contained");
  await fixture.image(name, "1");
  const cache = cacheOf();
  const fault = { status: 429, headers: { "retry-after": "17" } };
  await fixture.fault({ match: { repository: name }, times: 0, do: fault });
  const plain = await problemOf(cache.fetch(`${name}/manifests/1`));
  expect(plain).toMatchObject({ status: 429, code: "TOOMANYREQUESTS" });
  const contained = await problemOf(cache.fetch(`${name}/manifests/1?ns=registry.example:5000`));
  expect(contained).toMatchObject({ status: 503, code: "TOOMANYREQUESTS" });
  for (const { headers } of [plain, contained]) {
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(10);
    expect(headers.get("cache-status")).toContain("fwd-status=429");
  }
});

it("a list's next page keeps the ns that it was asked with", async () => {
  const name = repository("paged-ns");
  const { digest } = await fixture.image(name, "1");
  await fixture.tag(name, "2", digest);
  const response = await cacheOf().fetch(`${name}/tags/list?n=1&ns=registry.example:5000`);
  expect(await response.json()).toEqual({ name, tags: ["1"] });
  const [, target = ""] = /^<(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "") ?? [];
  expect(new URL(target, "https://x.example").searchParams.get("ns")).toBe("registry.example:5000");
});

it("an upstream cannot set the ns of the next page", async () => {
  const name = repository("linked-ns");
  await fixture.image(name, "1");
  const link = { link: `</v2/${name}/tags/list?last=1&ns=evil.example>; rel="next"` };
  await fixture.fault({ match: { repository: name }, do: { headers: link } });
  const response = await cacheOf().fetch(`${name}/tags/list`);
  expect(response.headers.get("link")).toBe(`</v2/${name}/tags/list?last=1>; rel="next"`);
});
