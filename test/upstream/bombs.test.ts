// Bodies that are made to overload their parser: refused with the reason, with nothing kept; and the largest manifest that is taken
// goes through all that looks at manifests.

import { describe, expect, it } from "vitest";
import { Issuers } from "../../src/access/issuers/issuers.ts";
import type { Config } from "../../src/config/read.ts";
import type { Fills } from "../../src/fill/contract.ts";
import { MAX_DESCRIPTORS } from "../../src/oci/bounds.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../src/oci/manifest.ts";
import { contentsOf } from "../../src/prewarm/warming.ts";
import { fetchToken } from "../../src/upstream/authorization/token.ts";
import { ruleOf } from "../config/rules.ts";
import { problemOf } from "../http/problem.ts";
import { ADMIN, api, shut } from "../support/access.ts";
import { Browser } from "../support/browser.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { TYPES } from "../support/fixture.ts";
import { TestIssuer } from "../support/issuer.ts";
import { catalog, isStored } from "../support/lifecycle.ts";
import { receive } from "../support/transfers.ts";

const nested = (open: string, close: string, depth = 600_000) =>
  open.repeat(depth) + close.repeat(depth);
const digestAt = (at: number): Digest =>
  digestOf(new TextEncoder().encode(`child ${at}`), "sha512");
const children = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    mediaType: TYPES.oci.manifest,
    digest: digestAt(at),
    size: 7,
    platform: { os: "linux", architecture: `arch-${at}`, variant: "v".repeat(20) },
  }));

const MANIFESTS: { title: string; body: string; words: RegExp }[] = [
  {
    title: "an index that is nested deep",
    body: `{"schemaVersion":2,"manifests":[${nested("[", "]")}]}`,
    words: /nested deeper than 64/,
  },
  {
    title: "annotations that are",
    body: `{"schemaVersion":2,"config":{},"annotations":{"a":${nested('{"a":', "}", 500_000).replace("}", "1}")}}`,
    words: /nested deeper than 64/,
  },
  {
    title: "nesting that does not end",
    body: `{"schemaVersion":2,"x":${"[".repeat(1_000_000)}`,
    words: /nested deeper than 64/,
  },
  {
    title: "an index of 100,000 empty children",
    body: `{"schemaVersion":2,"manifests":[${"{},".repeat(99_999)}{}]}`,
    words: /names 100000 manifests/,
  },
  {
    title: "a manifest of 100,000 layers of nothing",
    body: `{"schemaVersion":2,"config":{},"layers":[${"null,".repeat(99_999)}0]}`,
    words: /names 100000 manifests/,
  },
  {
    title: "a million values",
    body: `{"schemaVersion":2,"x":[${"0,".repeat(999_999)}0]}`,
    words: /holds more than 500000 values/,
  },
];

describe.each(MANIFESTS)("$title", ({ body, words }) => {
  it.each(["by tag", "by digest"])("is refused %s, and nothing is kept", async (how) => {
    const name = repository("bomb");
    const cache = cacheApart();
    const { digest } = await fixture.manifest(name, body, { tag: "1", mediaType: OCI_INDEX });
    const good = await fixture.image(name, "good");
    const path = `open/${name}/manifests/${how === "by tag" ? "1" : digest}`;
    const problem = await problemOf(cache.fetch(path));
    expect(problem).toMatchObject({ status: 502, code: "MANIFEST_INVALID" });
    expect(problem.message).toMatch(words);
    expect(problem.message.length).toBeLessThan(300);
    expect(await isStored({ digest })).toBe(false);
    expect(await cache.bytes(`open/${name}/manifests/good`)).toEqual(good.bytes);
  });
});

describe.each([
  { title: "nested deep", list: nested("[", "]", 1_000_000), words: /nested deeper/ },
  {
    title: "of two million values",
    list: `[${"0,".repeat(1_999_999)}0]`,
    words: /more than 500000 values/,
  },
])("a list $title", ({ list, words }) => {
  it.each(["tags/list", `referrers/${digestAt(0)}`])("is refused: %s", async (path) => {
    const name = repository("list");
    await fixture.image(name, "1");
    const body = `{"tags":${list},"manifests":${list}}`;
    await fixture.fault({ match: { repository: name }, do: { status: 200, body } });
    const cache = cacheApart();
    const problem = await problemOf(cache.fetch(`open/${name}/${path}`));
    expect(problem).toMatchObject({ status: 502, code: "SIZE_INVALID" });
    expect(problem.message).toMatch(words);
    expect(await receive(cache.fetch(`open/${name}/manifests/1`))).toMatchObject({ whole: true });
  });
});

it("a long list of invalid tags is an empty one", async () => {
  const name = repository("odd-tags");
  const tags = [
    ...Array(1_000).fill("x".repeat(1_000)),
    "\u001b[31m",
    { a: 1 },
    null,
    [["a"]],
    "ok",
  ];
  const body = JSON.stringify({ tags });
  await fixture.fault({ match: { repository: name }, do: { status: 200, body } });
  const response = await cacheApart().fetch(`open/${name}/tags/list`);
  expect(await response.json()).toMatchObject({ tags: ["ok"] });
});

describe("a token service or issuer", () => {
  it.each([
    [
      "a token service's answer that is nested deep",
      `{"token":"t","x":${nested("[", "]", 60_000)}}`,
    ],
    ["a token that is no header", JSON.stringify({ token: "t".repeat(100_000) })],
    ["a token of several lines", JSON.stringify({ token: "a\r\nHost: b" })],
    ["an answer without an end", `{"token":"${"t".repeat(400_000)}`],
  ])("%s is none", async (_, body) => {
    const name = repository("token-bomb");
    await fixture.image(name, "1");
    const match = { kind: "token", repository: name } as const;
    await fixture.fault({ match, times: 0, do: { status: 200, body } });
    for (const prefix of ["bearer", "robot"]) {
      const problem = await problemOf(cacheApart().fetch(`${prefix}/${name}/manifests/1`));
      expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
      expect(problem.message).toContain("answered without a token");
    }
  });

  it("a realm of any length is asked for no token", async () => {
    const parameters = new Map([["realm", `https://${"a.".repeat(5_000)}example/`]]);
    const rule = ruleOf({ upstream: "https://registry.example" });
    const challenge = { scheme: "bearer", parameters };
    const token = fetchToken(
      rule,
      { challenge, scope: "repository:a:pull" },
      undefined,
      Date.now(),
    );
    const error = await token.then(
      () => expect.fail("it was given"),
      (thrown) => thrown as Error,
    );
    expect(error.message).toMatch(/another origin/);
    expect(error.message.length).toBeLessThanOrEqual(2_001);
  });

  it.each([
    ["keys", `{"keys":[${nested("[", "]", 60_000)}]}`],
    ["a discovery document", nested('{"a":', "}", 30_000)],
    ["no keys", "null"],
  ])("%s of an issuer that are nested deep are not read", async (what, body) => {
    const issuer = await new TestIssuer().start();
    await issuer.page(
      what.includes("discovery") ? ".well-known/openid-configuration" : "keys",
      body,
    );
    const source = { issuer: issuer.url };
    const verified = new Issuers().verify(
      await issuer.sign(),
      source,
      ["entrepot.example"],
      Date.now(),
    );
    await expect(verified).rejects.toMatchObject({ status: 503 });
  });
});

describe("the largest index that is taken", () => {
  const rule = `largest-${crypto.randomUUID().slice(0, 6)}`;
  const cache = new Cache({
    ...shut(),
    AUTH: JSON.stringify({ mode: "open", acknowledgeOpen: true }),
    RULES: [{ prefix: rule, upstream: fixture.url("open") }],
  });

  it("is served, reported to the catalog, and shown by every page and command", async () => {
    const name = repository("largest");
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: children(MAX_DESCRIPTORS) };
    const { size, bytes } = await fixture.manifest(name, index, { tag: "1" });
    expect(size).toBeGreaterThan(1024 * 1024);
    expect(await cache.bytes(`${rule}/${name}/manifests/1`)).toEqual(bytes);
    await cache.settled();
    const [place = ""] = (await catalog.places("", 1000)).filter((one) => one.endsWith(name));
    await expect.poll(() => catalog.linked(place, digestAt(MAX_DESCRIPTORS - 1))).toBe(true);
    const reference = `reference=${rule}/${name}:1`;
    const detail = await api(cache, "GET", `images/detail?${reference}`);
    expect([detail.status, (await detail.text()).length < 100_000]).toEqual([200, true]);
    const explained = await api(cache, "GET", `explain?${reference}`);
    expect([explained.status, (await explained.text()).length < 20_000]).toEqual([200, true]);
    for (const [method, path] of [
      ["GET", `images?rule=${rule}`],
      ["POST", "lifecycle/preview"],
      ["GET", "events?latest=true"],
    ] as const)
      expect([path, (await api(cache, method, path)).status]).toEqual([path, 200]);
    const browser = new Browser(cache);
    await browser.signIn(ADMIN);
    for (const path of [`/image?${reference}`, `/explain?${reference}`, "/images", "/events"])
      expect([path, (await browser.open(path)).status]).toEqual([path, 200]);
  });

  it("of layers is cut where it is shown", async () => {
    const name = repository("layers");
    const layers = children(MAX_DESCRIPTORS).map(({ digest, size }) => ({
      mediaType: "x".repeat(300),
      digest,
      size,
    }));
    const config = { mediaType: TYPES.oci.config, digest: digestAt(1), size: 1 };
    const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers };
    await fixture.manifest(name, manifest, { tag: "1" });
    await cache.bytes(`${rule}/${name}/manifests/1`);
    await cache.settled();
    const response = await api(cache, "GET", `images/detail?reference=${rule}/${name}:1`);
    const { manifests } = (await response.json()) as {
      manifests: { layers: { mediaType: string }[]; layersLeftOut: number }[];
    };
    expect(manifests[0]?.layers).toHaveLength(500);
    expect(manifests[0]?.layersLeftOut).toBe(MAX_DESCRIPTORS - 500);
    expect(manifests[0]?.layers[0]?.mediaType.length).toBeLessThan(260);
  });
});

describe("an image that is an index of indexes", () => {
  /** Every index names many others, of which none is what another is. */
  function contextOf(breadth: number) {
    let joined = 0;
    const fills = {
      joinManifest: async (digest: Digest) => {
        joined += 1;
        const manifests = Array.from({ length: breadth }, (_, at) => ({
          digest: digestOf(new TextEncoder().encode(`${digest} ${at}`)),
        }));
        const bytes = new TextEncoder().encode(JSON.stringify({ manifests }));
        return { manifest: { digest, mediaType: OCI_INDEX, bytes }, how: "started" };
      },
    } as unknown as Fills;
    const context = { config: {} as Config, fills, quarantined: new Map<string, string>() };
    return { context, joined: () => joined };
  }

  it("is prewarmed up to the limit of images, and then refused without a retry", async () => {
    const { context, joined } = contextOf(520);
    const source = { rule: ruleOf({ upstream: "registry.example" }), repository: "a" };
    const image = { source, reference: { name: "a", digest: digestAt(0) } };
    await expect(contentsOf(context, image, { platforms: ["all"] })).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining("more than 500 manifests"),
    });
    expect(joined()).toBeLessThan(600);
  });
});
