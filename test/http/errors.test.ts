// What there is not, what is not offered, and what cannot be configured.

import { describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { problemOf } from "./problem.ts";

const cache = new Cache();
const HEX = "a".repeat(64);

describe("GET /v2/", () => {
  it.each(["", "?ns=docker.io"])("says that this is a registry %s", async (query) => {
    const response = await cache.fetch(query);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({});
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/json",
      "docker-distribution-api-version": "registry/2.0",
      "cache-control": "no-cache, no-transform",
      "cache-status": "entrepot",
    });
  });

  it("does so by HEAD", async () => {
    const response = await cache.head("");
    expect(response.status).toBe(200);
    expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
    expect((await response.arrayBuffer()).byteLength).toBe(0);
  });
});

describe("every error", () => {
  it.each([
    { title: "no rule", path: "nowhere/x/manifests/1", status: 404, code: "NAME_UNKNOWN" },
    { title: "a prefix alone", path: "open/manifests/1", status: 404, code: "NAME_UNKNOWN" },
    { title: "a name that is none", path: "open/X/manifests/1", status: 400, code: "NAME_INVALID" },
    {
      title: "a digest that is none",
      path: "open/x/blobs/sha256:1",
      status: 400,
      code: "DIGEST_INVALID",
    },
    {
      title: "a tag that is none",
      path: "open/x/manifests/-",
      status: 404,
      code: "MANIFEST_UNKNOWN",
    },
    { title: "no endpoint", path: "open/x/other/1", status: 404, code: "UNSUPPORTED" },
    { title: "the catalog", path: "_catalog", status: 404, code: "UNSUPPORTED" },
    { title: "bad encoding", path: "open/%zz/manifests/1", status: 400, code: "NAME_INVALID" },
  ])("is told in the specification's form: $title", async ({ path, status, code }) => {
    const { headers, ...problem } = await problemOf(cache.fetch(path));
    expect(problem).toMatchObject({ status, code });
    expect(problem.message.length).toBeGreaterThan(5);
    expect(Object.fromEntries(headers)).toMatchObject({
      "docker-distribution-api-version": "registry/2.0",
      "cache-control": "no-store",
      "cache-status": "entrepot",
    });
    expect((await cache.head(path)).status).toBe(status);
  });
});

describe("writing is not offered", () => {
  it.each([
    ["POST", ""],
    ["PUT", "open/x/manifests/1"],
    ["DELETE", `open/x/manifests/sha256:${HEX}`],
    ["DELETE", `open/x/blobs/sha256:${HEX}`],
    ["PATCH", `open/x/blobs/sha256:${HEX}`],
    ["POST", "open/x/blobs/uploads/"],
    ["POST", `open/x/blobs/uploads/?digest=sha256:${HEX}`],
    ["PATCH", "open/x/blobs/uploads/8be4df61-93ca-11d2-aa0d-00e098032b8c"],
    ["PUT", "open/x/blobs/uploads/8be4df61-93ca-11d2-aa0d-00e098032b8c"],
    ["POST", "open/x/tags/list"],
    ["OPTIONS", "open/x/manifests/1"],
  ])("%s %s", async (method, path) => {
    const body = method === "PUT" ? { body: "{}" } : {};
    const problem = await problemOf(cache.fetch(path, { method, ...body }));
    expect(problem).toMatchObject({ status: 405, code: "UNSUPPORTED" });
    expect(problem.headers.get("allow")).toBe("GET, HEAD");
  });

  it("and never reaches the upstream", async () => {
    const name = repository("write");
    for (const method of ["PUT", "POST", "PATCH", "DELETE"]) {
      await problemOf(cache.fetch(`open/${name}/manifests/1`, { method }));
    }
    expect(await fixture.requests({ repository: name })).toEqual([]);
  });
});

describe("a configuration that cannot be used", () => {
  const broken = [
    ["RULES[0].upstream", { RULES: [{ prefix: "p", upstream: "http://a.example" }] }],
    ["RULES[0].tagTTL", { RULES: [{ prefix: "p", upstream: "a.example", tagTTL: "1h" }] }],
    ["RULES_EXTRA[0].prefix", { RULES_EXTRA: [{ prefix: "P", upstream: "a.example" }] }],
    ["RULES", { RULES: "not JSON" }],
  ] as const;

  it.each(broken)(
    "answers every request with 500 and the field's path: %s",
    async (path, rules) => {
      const unusable = new Cache(rules);
      const paths = [
        "",
        "open/x/manifests/1",
        `open/x/blobs/sha256:${HEX}`,
        "open/x/tags/list",
        "?",
      ];
      for (const target of [...paths, "nowhere", "../", "../health"]) {
        const problem = await problemOf(unusable.fetch(target));
        expect(problem).toMatchObject({ status: 500, code: "UNKNOWN" });
        expect(problem.message).toContain(`${path}`);
      }
      expect((await unusable.fetch("", { method: "PUT", body: "x" })).status).toBe(500);
    },
  );

  it("does not stop another", async () => {
    expect((await cache.fetch("")).status).toBe(200);
  });
});

it("outside of /v2/ there is nothing", async () => {
  for (const path of ["../", "../v1/", "../v2x/", "../favicon.ico"]) {
    expect(await problemOf(cache.fetch(path))).toMatchObject({ status: 404, code: "UNSUPPORTED" });
  }
});
