// The tag that clients keep referrers under may be something else: the subject itself (GitLab takes it for the subject's digest), or
// an index of platforms. What does not point at the subject is no referrer.

import { afterEach, describe, expect, it, vi } from "vitest";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { type Algorithm, type Descriptor, TYPES } from "../support/fixture.ts";
import { problemOf } from "./problem.ts";

afterEach(() => vi.useRealTimers());

const SBOM = "application/vnd.example.sbom";
const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };

const described = ({ mediaType, digest, size }: Descriptor, more: object = {}) => ({
  ...{ mediaType, digest, size },
  ...more,
});

const tagOf = (digest: string) => digest.replace(":", "-").slice(0, 7 + 64);

/** An index of two platforms, in a repository without the API. */
async function stage(algorithm: Algorithm = "sha256", status = 404) {
  const name = repository("subject");
  const platforms = [AMD64, ARM64].map(async (platform) => {
    const image = await fixture.image(name, undefined, { platform, seed: platform.architecture });
    return described(image, { platform });
  });
  const manifests = await Promise.all(platforms);
  const index = { schemaVersion: 2, mediaType: TYPES.oci.index, manifests, annotations: { name } };
  const subject = await fixture.manifest(name, index, { algorithm, tag: "latest" });
  const match = { repository: name, kind: "referrers" as const };
  await fixture.fault({ match, times: 0, do: { status } });
  return { name, subject, platforms: manifests };
}

type Place = Pick<ReturnType<typeof cacheApart>, "fetch">;

async function ask(name: string, { digest }: Descriptor, query = "", from: Place = cacheApart()) {
  const response = await from.fetch(`open/${name}/referrers/${digest}${query}`);
  expect(response.status).toBe(200);
  const { manifests } = (await response.json()) as { manifests: Descriptor[] };
  return [response.headers.get("entrepot-referrers"), ...manifests.map((one) => one.digest)];
}

const list = (name: string, subject: Descriptor, manifests: unknown[], more: object = {}) =>
  fixture.manifest(
    name,
    { schemaVersion: 2, mediaType: TYPES.oci.index, manifests, ...more },
    { tag: tagOf(subject.digest) },
  );

describe("the tag is the subject itself, and nothing refers to it:", () => {
  it.each(["sha256", "sha512"] as const)("an index, %s", async (algorithm) => {
    const { name, subject } = await stage(algorithm);
    await fixture.tag(name, tagOf(subject.digest), subject.digest);
    expect(await ask(name, subject)).toEqual(["none"]);
    expect(await ask(name, subject, `?artifactType=${SBOM}`)).toEqual(["none"]);
  });

  it.each([404, 405, 406, 501])("an image, and the API answers %s", async (status) => {
    const { name, platforms } = await stage("sha256", status);
    for (const { digest, ...rest } of platforms) {
      await fixture.tag(name, tagOf(digest), digest);
      expect(await ask(name, { digest, ...rest })).toEqual(["none"]);
    }
  });

  it("so a refusal of the API is still the answer", async () => {
    const { name, subject } = await stage("sha256", 403);
    await fixture.tag(name, tagOf(subject.digest), subject.digest);
    const problem = await problemOf(cacheApart().fetch(`open/${name}/referrers/${subject.digest}`));
    expect(problem).toMatchObject({ status: 403, code: "DENIED" });
  });
});

describe("the tag is of what does not point at the subject:", () => {
  it.each([
    ["platforms", {}],
    ["platforms that are called artifacts", { artifactType: SBOM }],
  ])("an index of %s", async (_, more) => {
    const { name, subject, platforms } = await stage();
    const entries = platforms.map((one) => ({ ...one, ...more }));
    await list(name, subject, entries, { annotations: { other: "index" } });
    expect(await ask(name, subject)).toEqual(["none"]);
  });

  it("an image", async () => {
    const { name, subject, platforms } = await stage();
    await fixture.tag(name, tagOf(subject.digest), platforms[0]?.digest ?? "");
    expect(await ask(name, subject)).toEqual(["none"]);
  });

  it("an index that also has referrers, of which those of this subject are listed", async () => {
    const { name, subject, platforms } = await stage();
    const other = await fixture.image(name, "other", { seed: "other" });
    const [own, bare, foreign] = [
      await fixture.referrer(name, subject, SBOM),
      await fixture.referrer(name, subject, "application/vnd.example.bare"),
      await fixture.referrer(name, other, SBOM),
    ];
    await list(name, subject, [
      described(subject, { artifactType: SBOM }),
      ...platforms,
      described(foreign, { artifactType: SBOM }),
      described(own, { artifactType: SBOM }),
      described(bare),
      null,
      { digest: "sha256:short" },
      "x",
    ]);
    expect(await ask(name, subject)).toEqual(["tag", own.digest, bare.digest]);
  });
});

it("an index without entries, as clients leave it, is an empty one", async () => {
  const { name, subject } = await stage("sha256", 403);
  await list(name, subject, []);
  expect(await ask(name, subject)).toEqual(["tag"]);
});

describe("an entry that cannot be read", () => {
  it.each([
    {
      title: "is listed where its descriptor is a referrer's",
      status: 404,
      fields: { artifactType: SBOM },
      clientStatus: 200,
    },
    {
      title: "is listed where its descriptor is a referrer's",
      status: 500,
      fields: { artifactType: SBOM },
      clientStatus: 200,
    },
    { title: "fails the list where it may be one", status: 500, fields: {}, clientStatus: 502 },
    { title: "fails the list where it may be one", status: 429, fields: {}, clientStatus: 429 },
  ] as const)("$title: $status, $fields", async ({ status, fields, clientStatus }) => {
    const { name, subject } = await stage();
    const own = await fixture.referrer(name, subject, SBOM);
    await list(name, subject, [described(own, fields)]);
    const match = { repository: name, reference: own.digest };
    await fixture.fault({ match, times: 0, do: { status } });
    if (clientStatus === 200) expect(await ask(name, subject)).toEqual(["tag", own.digest]);
    else {
      const path = `open/${name}/referrers/${subject.digest}`;
      expect((await problemOf(cacheApart().fetch(path))).status).toBe(clientStatus);
    }
  });

  it("is no referrer where it is a platform that is gone", async () => {
    const { name, subject, platforms } = await stage();
    await list(name, subject, platforms, { annotations: { other: "index" } });
    for (const { digest } of platforms) await fixture.remove(name, digest);
    expect(await ask(name, subject)).toEqual(["none"]);
  });
});

it("manifests are read once, and so many for one list", async () => {
  const { name, subject } = await stage();
  const made = Array.from({ length: 40 }, (_, at) =>
    fixture.referrer(name, subject, SBOM, { annotations: { at: String(at) } }),
  );
  const entries = (await Promise.all(made)).map((one) => described(one, { artifactType: SBOM }));
  await list(name, subject, entries);
  const cache = cacheApart({ listTtl: "1s" });
  const reads = async () => {
    const requests = await fixture.requests({ repository: name, kind: "manifest", method: "GET" });
    return requests.filter(({ reference }) => reference.startsWith("sha256:")).length;
  };
  expect(await ask(name, subject, "", cache)).toHaveLength(41);
  expect(await reads()).toBe(32);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
  expect(await ask(name, subject, "", cache)).toHaveLength(41);
  expect(await reads()).toBe(32);
});

it("by the API, the subject is none of its referrers either", async () => {
  const { name, subject, platforms } = await stage();
  await fixture.heal({ repository: name });
  const [other] = platforms;
  const index = { schemaVersion: 2, manifests: [described(subject), other] };
  const match = { repository: name, kind: "referrers" as const };
  await fixture.fault({ match, do: { status: 200, body: JSON.stringify(index) } });
  expect(await ask(name, subject)).toEqual(["api", other?.digest]);
});
