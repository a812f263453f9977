// Who is let in at an upstream, with what, and whose credentials they are.

import { describe, expect, it } from "vitest";
import { problemOf } from "../http/problem.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { receive } from "../support/transfers.ts";

const rule = (prefix: string, server: "open" | "bearer" | "basic", credentials?: string) => ({
  prefix,
  upstream: fixture.url(server),
  realm: fixture.host("token"),
  ...(credentials && { credentials }),
});

const cache = new Cache({
  RULES: [
    rule("open", "open"),
    rule("bearer", "bearer"),
    rule("basic", "basic", "ROBOT"),
    rule("robot", "bearer", "ROBOT"),
    rule("access-token", "basic", "ROBOT_ACCESS_TOKEN"),
    rule("wrong-basic", "basic", "WRONG"),
    rule("wrong-bearer", "bearer", "WRONG"),
    rule("no-credentials", "basic"),
    rule("identity-open", "open", "IDENTITY"),
    rule("identity", "bearer", "IDENTITY"),
    rule("missing", "open", "NOT_SET_ANYWHERE"),
    rule("malformed", "open", "MALFORMED"),
  ],
});

/** Manifest, blob and tags, which each go their own way through the house. */
async function pullAll(prefix: string, name: string) {
  const image = await fixture.image(name, "1");
  const [layer] = image.layers;
  const manifest = await receive(cache.fetch(`${prefix}/${name}/manifests/1`));
  const blob = await receive(cache.fetch(`${prefix}/${name}/blobs/${layer?.digest}`));
  const tags = await receive(cache.fetch(`${prefix}/${name}/tags/list`));
  expect(manifest).toMatchObject({ status: 200, digest: image.digest });
  expect(blob).toMatchObject({ status: 200, digest: layer?.digest });
  expect(tags).toMatchObject({ status: 200 });
}

describe("credentials open", () => {
  it.each([
    { prefix: "open", folder: "", kinds: ["none"], users: [null] },
    { prefix: "bearer", folder: "", kinds: ["bearer"], users: [null] },
    { prefix: "basic", folder: "", kinds: ["basic"], users: ["robot"] },
    { prefix: "access-token", folder: "", kinds: ["basic"], users: ["robot"] },
    { prefix: "robot", folder: "private/", kinds: ["bearer"], users: [null] },
    { prefix: "identity-open", folder: "", kinds: ["bearer"], users: [null] },
  ])("$prefix", async ({ prefix, folder, kinds, users }) => {
    const name = folder + repository("let-in");
    await pullAll(prefix, name);
    const requests = await fixture.requests({ repository: name });
    const served = requests.filter(({ kind, status }) => kind !== "token" && status < 300);
    expect([...new Set(served.map(({ authorization }) => authorization))]).toEqual(kinds);
    expect([...new Set(served.map(({ user }) => user))]).toEqual(users);
    expect(served.length).toBeGreaterThan(3);
  });

  it("with a token that was requested with the rule's own credentials, or without any", async () => {
    const name = repository("whose-token");
    await pullAll("robot", name);
    await pullAll("bearer", name);
    const tokens = await fixture.requests({ repository: name, kind: "token" });
    expect(tokens.map(({ user }) => user)).toEqual(["robot", null]);
  });
});

describe("is refused with the upstream's 401:", () => {
  it.each(["wrong-basic", "wrong-bearer", "identity", "no-credentials"])("%s", async (prefix) => {
    const name = repository("refused");
    const image = await fixture.image(name, "1");
    const paths = [
      "manifests/1",
      `manifests/${image.digest}`,
      `blobs/${image.layers[0]?.digest}`,
      "tags/list",
      `referrers/${image.digest}`,
    ];
    for (const path of paths) {
      const problem = await problemOf(cache.fetch(`${prefix}/${name}/${path}`));
      expect(problem).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
      expect(problem.message).not.toMatch(/not-it|an-identity-token/);
    }
  });

  it("a private repository, for a rule without credentials", async () => {
    const name = `private/${repository("refused")}`;
    await fixture.image(name, "1");
    const problem = await problemOf(cache.fetch(`bearer/${name}/manifests/1`));
    expect(problem).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
  });

  it("once only: the next request, with valid credentials, is served", async () => {
    const name = repository("after-wrong");
    const image = await fixture.image(name, "1");
    await problemOf(cache.fetch(`wrong-basic/${name}/manifests/${image.digest}`));
    expect(await receive(cache.fetch(`basic/${name}/manifests/${image.digest}`))).toMatchObject({
      digest: image.digest,
    });
  });
});

describe("a rule whose secret is unusable", () => {
  it.each([
    ["missing", "NOT_SET_ANYWHERE"],
    ["malformed", "MALFORMED"],
  ])(
    "%s: answers 500 with the rule's name; clients are not told the secret's",
    async (prefix, secret) => {
      const name = repository("unusable");
      const { digest } = await fixture.image(name, "1");
      for (const path of ["manifests/1", `blobs/${digest}`, "tags/list", `referrers/${digest}`]) {
        const problem = await problemOf(cache.fetch(`${prefix}/${name}/${path}`));
        expect(problem).toMatchObject({ status: 500, code: "UNKNOWN" });
        expect(problem.message).toContain(`"${prefix}"`);
        expect(problem.message).not.toContain(secret);
        expect(problem.message).not.toContain("s3cret");
      }
      expect(await fixture.requests({ repository: name })).toEqual([]);
    },
  );
});

describe("what a client sends", () => {
  const CLIENT = {
    Authorization: "Basic Y2xpZW50OmNsaWVudA==",
    Accept: "application/vnd.oci.image.manifest.v1+json",
    "Accept-Encoding": "zstd, gzip, deflate",
    Cookie: "session=client",
    "User-Agent": "docker/99",
    "X-Forwarded-For": "198.51.100.7",
  };

  it.each(["open", "bearer"])("does not reach the upstream: %s", async (prefix) => {
    const name = repository("client-headers");
    const image = await fixture.image(name, "1");
    const headers = CLIENT;
    for (const path of ["manifests/1", `blobs/${image.layers[0]?.digest}`, "tags/list"]) {
      expect((await cache.fetch(`${prefix}/${name}/${path}`, { headers })).status).toBe(200);
    }
    const requests = await fixture.requests({ repository: name });
    expect(requests.length).toBeGreaterThan(3);
    for (const { authorization, user, acceptEncoding, userAgent } of requests) {
      expect(authorization).not.toBe("basic");
      expect(user).toBeNull();
      expect(acceptEncoding).toBe("identity");
      expect(userAgent).toBe("entrepot");
    }
  });

  it.each([
    ["one type", CLIENT.Accept],
    ["anything", "*/*"],
    ["nothing", undefined],
  ])("does not choose what the upstream is asked for: %s", async (_, accept) => {
    const name = repository("accept");
    const image = await fixture.image(name, "1");
    await fixture.index(name, "index", [image]);
    const init = accept === undefined ? {} : { headers: { Accept: accept } };
    for (const reference of ["1", "index", image.digest]) {
      const response = await cache.fetch(`open/${name}/manifests/${reference}`, init);
      await response.text();
    }
    const requests = await fixture.requests({ repository: name, kind: "manifest" });
    expect(requests.length).toBeGreaterThan(2);
    const types =
      "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
      "application/vnd.docker.distribution.manifest.list.v2+json, " +
      "application/vnd.docker.distribution.manifest.v2+json, " +
      "application/vnd.oci.artifact.manifest.v1+json, */*;q=0.5";
    expect([...new Set(requests.map(({ accept }) => accept))]).toEqual([types]);
  });
});
