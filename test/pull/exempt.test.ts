// Exemption from `verify`: signatures, attestations and SBOMs pass by their content; what could run does not, whatever its name and types.

import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { BUNDLE_TYPE, MAX_ARTIFACTS, PAYLOAD_TYPE } from "../../src/signatures/contract.ts";
import { type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { EMPTY, type ManifestInfo, TYPES } from "../support/fixture.ts";
import { keyPair, signByBundle, signByTag } from "../support/signing.ts";

const keys = keyPair();
const fields = { verify: [{ images: ["**"], key: "SIGNER" }], verifyMode: "enforce" };
const enforcing = () => cacheApart(fields, { SIGNER: keys.pem });

async function statuses(cache: Cache, paths: string[]): Promise<number[]> {
  const found: number[] = [];
  for (const path of paths) {
    const response = await cache.fetch(path);
    await response.arrayBuffer();
    found.push(response.status);
  }
  return found;
}

/** What a client asks for of a manifest with layers. */
function pathsOf(name: string, manifest: ManifestInfo, reference = manifest.digest): string[] {
  const { config, layers } = JSON.parse(new TextDecoder().decode(manifest.bytes));
  const blobs = [config, ...layers].map(({ digest }) => `open/${name}/blobs/${digest}`);
  return [`open/${name}/manifests/${reference}`, ...new Set(blobs)];
}

interface Layer {
  mediaType: string;
  content: string | Uint8Array;
}

/** A manifest of these layers, under a tag if one is given. */
async function artifact(
  name: string,
  layers: Layer[],
  given: { config?: string; artifactType?: string; tag?: string; mediaType?: string } = {},
): Promise<ManifestInfo> {
  const { config = TYPES.oci.config, artifactType, tag, mediaType = TYPES.oci.manifest } = given;
  const described = await Promise.all(
    layers.map(async (layer) => ({
      mediaType: layer.mediaType,
      ...(await fixture.blob(name, layer.content)),
    })),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType,
    ...(artifactType && { artifactType }),
    config: { mediaType: config, ...(await fixture.blob(name, EMPTY.content)) },
    layers: described,
  };
  return fixture.manifest(name, manifest, { tag });
}

async function unsigned(hint: string) {
  const name = repository(hint);
  const made = await fixture.image(name, "1");
  return { name, made };
}

describe("exempt", () => {
  it("is a signature under its tag, by any signer", async () => {
    const { name, made } = await unsigned("exempt");
    const signature = await signByTag(name, made, keyPair());
    const tag = `${made.digest.replace(":", "-")}.sig`;
    expect(await statuses(enforcing(), pathsOf(name, signature, tag))).toEqual([200, 200, 200]);
  });

  it("is a bundle, and the index of the fallback tag that lists it", async () => {
    const { name, made } = await unsigned("exempt");
    const bundle = await signByBundle(name, made, keyPair(), false);
    const fallback = `open/${name}/manifests/${made.digest.replace(":", "-")}`;
    expect(await statuses(enforcing(), [fallback, ...pathsOf(name, bundle)])).toEqual([
      200, 200, 200, 200,
    ]);
  });

  it("is an index without a media type, and one without children", async () => {
    const name = repository("exempt");
    const sbom = await artifact(name, [{ mediaType: "text/spdx+json", content: "{}" }]);
    const { mediaType, digest, size } = sbom;
    const manifests = [{ mediaType, digest, size }];
    for (const [tag, children] of Object.entries({ some: manifests, none: [] })) {
      const index = { schemaVersion: 2, manifests: children };
      await fixture.manifest(name, index, { tag, mediaType: TYPES.oci.index });
      expect(await statuses(enforcing(), [`open/${name}/manifests/${tag}`])).toEqual([200]);
    }
  });

  it.each<{ title: string; layers: Layer[]; given: { config?: string; artifactType?: string } }>([
    {
      title: "BuildKit's attestations",
      layers: [{ mediaType: "application/vnd.in-toto+json", content: "{}" }],
      given: {},
    },
    {
      title: "cosign's attestations",
      layers: [{ mediaType: "application/vnd.dsse.envelope.v1+json", content: '{"payload":""}' }],
      given: {},
    },
    {
      title: "SBOMs",
      layers: [{ mediaType: "text/spdx+json", content: '{"spdxVersion":"SPDX-2.3"}' }],
      given: {},
    },
    {
      title: "an artifact's SBOM",
      layers: [
        { mediaType: "application/vnd.cyclonedx+json", content: '{"bomFormat":"CycloneDX"}' },
      ],
      given: { config: EMPTY.mediaType, artifactType: "application/vnd.cyclonedx+json" },
    },
    {
      title: "notation's signatures",
      layers: [{ mediaType: "application/jose+json", content: '{"payload":""}' }],
      given: { config: "application/vnd.cncf.notary.signature" },
    },
  ])("are $title", async ({ layers, given }) => {
    const name = repository("exempt");
    const made = await artifact(name, layers, given);
    const paths = pathsOf(name, made);
    expect(await statuses(enforcing(), paths)).toEqual(paths.map(() => 200));
  });
});

describe("not exempt", () => {
  it("is an image under the tag of a signature", async () => {
    const { name, made } = await unsigned("runs");
    const tag = `${made.digest.replace(":", "-")}.sig`;
    const evil = await fixture.image(name, tag, { layers: [777] });
    expect(await statuses(enforcing(), pathsOf(name, evil, tag))).toEqual([403, 403, 403]);
  });

  it.each<{
    title: string;
    layers: Layer[];
    given: { mediaType?: string; artifactType?: string; config?: string };
  }>([
    {
      title: "a compressed layer",
      layers: [{ mediaType: PAYLOAD_TYPE, content: gzipSync("layer") }],
      given: {},
    },
    {
      title: "a compressed layer behind a text",
      layers: [
        { mediaType: PAYLOAD_TYPE, content: "{}" },
        { mediaType: PAYLOAD_TYPE, content: gzipSync("layer") },
      ],
      given: {},
    },
    {
      title: "a layer of another type",
      layers: [{ mediaType: TYPES.oci.layer, content: "{}" }],
      given: {},
    },
    {
      title: "an image with an SBOM's layer",
      layers: [
        { mediaType: "text/spdx+json", content: "{}" },
        { mediaType: TYPES.oci.layer, content: gzipSync("layer") },
      ],
      given: {},
    },
    {
      title: "an artifact of another type",
      layers: [{ mediaType: BUNDLE_TYPE, content: "{}" }],
      given: { artifactType: "application/vnd.cncf.helm.config.v1+json" },
    },
    {
      title: "a chart",
      layers: [{ mediaType: PAYLOAD_TYPE, content: "{}" }],
      given: { config: "application/vnd.cncf.helm.config.v1+json" },
    },
    {
      title: "a manifest of Docker's",
      layers: [{ mediaType: PAYLOAD_TYPE, content: "{}" }],
      given: { mediaType: TYPES.docker.manifest },
    },
    { title: "a manifest without layers", layers: [], given: {} },
  ])("is $title", async ({ layers, given }) => {
    const name = repository("runs");
    const made = await artifact(name, layers, given);
    const paths = pathsOf(name, made);
    expect(await statuses(enforcing(), paths)).toEqual(paths.map(() => 403));
  });

  it("is an index of an SBOM and an image", async () => {
    const { name, made } = await unsigned("runs");
    const sbom = await artifact(name, [{ mediaType: "text/spdx+json", content: "{}" }]);
    await fixture.index(name, "mixed", [sbom, made]);
    expect(await statuses(enforcing(), [`open/${name}/manifests/mixed`])).toEqual([403]);
  });

  it("is an image whose manifest is the layer of a signed one", async () => {
    const { name, made } = await unsigned("runs");
    const layer = { mediaType: "application/vnd.acme.bundle", content: made.bytes };
    const signed = await artifact(name, [layer]);
    await signByTag(name, signed, keys);
    const cache = enforcing();
    expect(await statuses(cache, pathsOf(name, signed))).toEqual([200, 200, 200]);
    expect(await statuses(cache, pathsOf(name, made))).toEqual([403, 403, 403]);
  });

  it("is an image whose manifest is the layer of an SBOM, and its own layers", async () => {
    const { name, made } = await unsigned("runs");
    const sbom = await artifact(name, [{ mediaType: "text/spdx+json", content: made.bytes }]);
    const cache = enforcing();
    expect(await statuses(cache, pathsOf(name, sbom))).toEqual([200, 200, 200]);
    expect(await statuses(cache, pathsOf(name, made))).toEqual([403, 403, 403]);
  });
});

describe("fields in another case, which Go's decoder takes", () => {
  const GOOD = { mediaType: "text/spdx+json" };

  type Change = (sbom: object, layer: { digest: string }, config: object) => object;

  /** An artifact that Entrepot reads as an SBOM, and Go as an image with the layer of another. */
  async function smuggled(change: Change) {
    const name = repository("smuggled");
    const signed = await fixture.image(name, "1");
    await signByTag(name, signed, keys);
    const sbom = { ...GOOD, ...(await fixture.blob(name, "{}")) };
    const [layer] = signed.layers;
    const config = { mediaType: TYPES.oci.config, ...(await fixture.blob(name, '{"a":1}')) };
    const parts = change(sbom, { digest: layer?.digest ?? "" }, config);
    const head = { schemaVersion: 2, mediaType: TYPES.oci.manifest };
    const made = await fixture.manifest(name, { ...head, config, ...parts }, { tag: "evil" });
    return { name, made };
  }

  it.each<[string, Change]>([
    ["a layer's digest", (sbom, layer) => ({ layers: [{ ...sbom, Digest: layer.digest }] })],
    [
      "a layer's digest with a long s",
      (sbom, layer) => ({ layers: [{ ...sbom, dige\u017ft: layer.digest }] }),
    ],
    [
      "the only digest of a layer",
      (sbom, layer) => ({ layers: [sbom, { ...GOOD, DIGEST: layer.digest }] }),
    ],
    [
      "the config's digest",
      (sbom, layer, config) => ({
        config: { ...config, Digest: layer.digest },
        layers: [sbom],
      }),
    ],
  ])("make nothing exempt: %s", async (_, change) => {
    const { name } = await smuggled(change);
    expect(await statuses(enforcing(), [`open/${name}/manifests/evil`])).toEqual([403]);
  });

  it("nor does a layer without a digest, which Go takes from an earlier list of the same name", async () => {
    const { name, made } = await smuggled((sbom) => ({ layers: [sbom, GOOD] }));
    expect(await statuses(enforcing(), [`open/${name}/manifests/${made.digest}`])).toEqual([403]);
  });
});

describe("an index whose children the upstream does not have", () => {
  async function sparse() {
    const name = repository("sparse");
    const image = await fixture.image(name, undefined);
    const absent = { mediaType: TYPES.oci.manifest, digest: `sha256:${"0".repeat(64)}`, size: 500 };
    const children = [absent, image] as ManifestInfo[];
    const made = await fixture.index(name, "1", children);
    return { name, made, image };
  }

  it("is served if it is signed, with the children that are there", async () => {
    const { name, made, image } = await sparse();
    await signByTag(name, made, keys);
    const paths = [`open/${name}/manifests/1`, ...pathsOf(name, image)];
    expect(await statuses(enforcing(), paths)).toEqual([200, 200, 200, 200]);
  });

  it("is refused as any other if it is not", async () => {
    const { name } = await sparse();
    expect(await statuses(enforcing(), [`open/${name}/manifests/1`])).toEqual([403]);
  });

  it("is served if it is signed, while a child cannot be read", async () => {
    const { name, made, image } = await sparse();
    await signByTag(name, made, keys);
    const match = { repository: name, kind: "manifest", reference: image.digest } as const;
    await fixture.fault({ match, times: 0, do: { status: 500 } });
    expect(await statuses(enforcing(), [`open/${name}/manifests/1`])).toEqual([200]);
  });
});

it("more signatures than are examined admit nothing, and are told", async () => {
  const { name, made } = await unsigned("many");
  for (let count = 0; count <= MAX_ARTIFACTS; count++) await signByBundle(name, made, keyPair());
  const patient = cacheApart({ ...fields, firstByteTimeout: "2m" }, { SIGNER: keys.pem });
  const response = await patient.fetch(`open/${name}/manifests/1`);
  expect(response.status).toBe(403);
  expect(await response.text()).toContain("more signatures or referrers than are examined");
});
