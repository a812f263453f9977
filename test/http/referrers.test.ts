// Referrers: what refers to a digest, by the API, and by the tag that older registries keep it under.

import { describe, expect, it } from "vitest";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { type Algorithm, type Fault, TYPES } from "../support/fixture.ts";
import { problemOf } from "./problem.ts";

const cache = new Cache();
const SBOM = "application/vnd.example.sbom";
const SIGNATURE = "application/vnd.example.signature";

interface Entry {
  digest: string;
  artifactType: string;
}

async function ask(name: string, digest: string, query = "", from = cache) {
  const response = await from.fetch(`open/${name}/referrers/${digest}${query}`);
  expect(response.status).toBe(200);
  const body = (await response.json()) as { manifests: Entry[] };
  const digests = body.manifests.map((entry) => entry.digest).sort();
  return { body, digests, headers: response.headers };
}

/** An image with an SBOM and a signature. By tag: at a registry without the API, under the tag of its digest. */
async function signed(how: "API" | "tag", algorithm: Algorithm = "sha256") {
  const name = repository("referrers");
  const content = { schemaVersion: 2, mediaType: TYPES.oci.manifest, config: {}, layers: [] };
  const subject = await fixture.manifest(
    name,
    { ...content, annotations: { name } },
    { algorithm },
  );
  const sbom = await fixture.referrer(name, subject, SBOM);
  const signature = await fixture.referrer(name, subject, SIGNATURE);
  if (how === "tag") {
    await fixture.settings(name, { referrers: false });
    const manifests = [
      { mediaType: sbom.mediaType, digest: sbom.digest, size: sbom.size, artifactType: SBOM },
      {
        mediaType: sbom.mediaType,
        digest: signature.digest,
        size: signature.size,
        artifactType: SIGNATURE,
      },
    ];
    const tag = `${algorithm}-${subject.digest.slice(7, 7 + 64)}`;
    const index = { schemaVersion: 2, mediaType: TYPES.oci.index, manifests };
    await fixture.manifest(name, index, { mediaType: TYPES.oci.index, tag });
  }
  return { name, digest: subject.digest, sbom: sbom.digest, signature: signature.digest };
}

describe.each(["API", "tag"] as const)("by %s", (how) => {
  it("are an index of all", async () => {
    const { name, digest, sbom, signature } = await signed(how);
    const { body, digests, headers } = await ask(name, digest);
    expect(body).toMatchObject({ schemaVersion: 2, mediaType: TYPES.oci.index });
    expect(digests).toEqual([sbom, signature].sort());
    expect(headers.get("content-type")).toBe(TYPES.oci.index);
    expect(headers.get("oci-filters-applied")).toBeNull();
    expect(headers.get("docker-distribution-api-version")).toBe("registry/2.0");
  });

  it.each([
    [SBOM, "sbom"],
    [SIGNATURE, "signature"],
    ["application/none", undefined],
  ] as const)("are filtered by %s, and it is said", async (type, kind) => {
    const made = await signed(how);
    const query = `?artifactType=${encodeURIComponent(type)}`;
    const { digests, headers } = await ask(made.name, made.digest, query);
    expect(digests).toEqual(kind === undefined ? [] : [made[kind]]);
    expect(headers.get("oci-filters-applied")).toBe("artifactType");
    expect(headers.get("content-type")).toBe(TYPES.oci.index);
  });
});

it("by API, are filtered here where the upstream does not", async () => {
  const { name, digest, sbom } = await signed("API");
  await fixture.settings(name, { filterReferrers: false });
  expect((await ask(name, digest, `?artifactType=${SBOM}`)).digests).toEqual([sbom]);
});

it("by tag, of a sha512 digest, are under its first 64 digits", async () => {
  const { name, digest, sbom, signature } = await signed("tag", "sha512");
  expect((await ask(name, digest)).digests).toEqual([sbom, signature].sort());
});

describe("are an empty index", () => {
  it.each([true, false])("where nothing refers to it; the API is there: %s", async (referrers) => {
    const name = repository("alone");
    const { digest } = await fixture.image(name, "1");
    await fixture.settings(name, { referrers });
    const { body, headers } = await ask(name, digest);
    expect(body).toEqual({ schemaVersion: 2, mediaType: TYPES.oci.index, manifests: [] });
    expect(headers.get("content-type")).toBe(TYPES.oci.index);
  });
});

describe("pages", () => {
  const TOKEN = "token=a%2Fb";

  it.each([
    ["", ""],
    ["?artifactType=application%2Fvnd.example.sbom", SBOM],
  ])("are followed through the cache: %s", async (query, type) => {
    const { name, digest } = await signed("API");
    const link = { link: `</v2/elsewhere/referrers/x?${TOKEN}&artifactType=other>; rel="next"` };
    await fixture.fault({ match: { repository: name, kind: "referrers" }, do: { headers: link } });
    const { headers } = await ask(name, digest, query);
    const [, target = ""] = /^<(.*)>; rel="next"$/.exec(headers.get("link") ?? "") ?? [];
    const next = new URL(target, "https://cache.example");
    expect(next.pathname).toBe(`/v2/open/${name}/referrers/${digest}`);
    expect(next.searchParams.get("token")).toBe("a/b");
    expect(next.searchParams.getAll("artifactType")).toEqual(type ? [type] : []);

    const last = await ask(name, digest, next.search);
    expect(last.headers.get("link")).toBeNull();
    expect(last.digests).toHaveLength(type ? 1 : 2);
    const requests = await fixture.requests({ repository: name, kind: "referrers" });
    expect(requests.map((request) => request.query)).toEqual(["", `?${TOKEN}`]);
  });
});

describe("fail where the upstream does", () => {
  it.each([
    { title: "the API", match: { kind: "referrers" as const }, status: 500, clientStatus: 502 },
    {
      title: "the API, limited",
      match: { kind: "referrers" as const },
      status: 429,
      clientStatus: 429,
    },
    { title: "the tag", match: { kind: "manifest" as const }, status: 500, clientStatus: 502 },
    {
      title: "the tag, limited",
      match: { kind: "manifest" as const },
      status: 429,
      clientStatus: 429,
    },
    {
      title: "the tag, forbidden",
      match: { kind: "manifest" as const },
      status: 403,
      clientStatus: 403,
    },
  ])("$title", async ({ match, status, clientStatus }) => {
    const { name, digest } = await signed("tag");
    await fixture.fault({ match: { repository: name, ...match }, times: 0, do: { status } });
    const problem = await problemOf(cacheApart().fetch(`open/${name}/referrers/${digest}`));
    expect(problem).toMatchObject({ status: clientStatus });
  });

  it.each<[string, Fault]>([
    ["a page", { html: true }],
    ["manifests that are no list", { status: 200, body: '{"manifests":{}}' }],
  ])("with what is no index: %s", async (_, fault) => {
    const { name, digest } = await signed("API");
    await fixture.fault({ match: { repository: name }, times: 0, do: fault });
    const problem = await problemOf(cache.fetch(`open/${name}/referrers/${digest}`));
    expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
  });
});

it.each([
  {
    title: "entries that are none",
    body: '{"manifests":[null,5,{"artifactType":["x"]}]}',
    expected: [],
  },
])("hostile: $title", async ({ body, expected }) => {
  const { name, digest } = await signed("API");
  await fixture.fault({ match: { repository: name }, times: 0, do: { status: 200, body } });
  const answer = await ask(name, digest, `?artifactType=${SBOM}`);
  expect(answer.body.manifests).toEqual(expected);
});
