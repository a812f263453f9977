// Exemption from minimum age: signatures, attestations and SBOMs pass by their content, never by their tag's name.

import { env } from "cloudflare:workers";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openCatalog } from "../../src/catalog/open.ts";
import type { Env } from "../../src/env.ts";
import { apartPath, type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { EMPTY, type ManifestInfo, TYPES } from "../support/fixture.ts";
import { keyPair, signByTag } from "../support/signing.ts";

const HOUR = 60 * 60_000;
const SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json";
const AGE = { minimumAge: "3h", minimumAgeFirst: "refuse", tagTtl: "30m" };
const catalog = openCatalog(env as unknown as Env);

async function ask(cache: Cache, path: string, init: RequestInit = {}) {
  const response = await cache.fetch(`open/${path}`, init);
  await response.arrayBuffer();
  const { headers, status } = response;
  const digest = headers.get("docker-content-digest");
  return { status, digest, until: headers.get("entrepot-held-until") };
}

async function signed(hint: string, fields: object = {}) {
  const name = repository(hint);
  const path = apartPath();
  const cache = cacheApart({ ...AGE, ...fields }, {}, path);
  const image = await fixture.image(name, "1");
  const tag = `${image.digest.replace(":", "-")}.sig`;
  const signature = await signByTag(name, image, keyPair());
  return { name, cache, image, tag, at: `${name}/manifests/${tag}`, signature };
}

/** A manifest whose only layer says that it is a signature. */
async function claimed(name: string, tag: string, content: string | Uint8Array) {
  const layer = { mediaType: SIGNATURE, ...(await fixture.blob(name, content)) };
  const config = { mediaType: TYPES.oci.config, ...(await fixture.blob(name, EMPTY.content)) };
  const { manifest: mediaType } = TYPES.oci;
  const manifest = { schemaVersion: 2, mediaType, config, layers: [layer] };
  return { ...(await fixture.manifest(name, manifest, { tag })), layer };
}

const holdsOf = async (name: string) =>
  (await catalog.heldTags(undefined, 1000)).filter(({ place }) => place.endsWith(name));

const served = ({ digest }: ManifestInfo) => ({ status: 200, digest, until: null });

describe("a signature's tag", () => {
  it("is served at once when it is first seen, and again when one is added", async () => {
    const { name, cache, at, image, signature } = await signed("age-exempt");
    expect(await ask(cache, at)).toEqual(served(signature));
    const added = await signByTag(name, image, keyPair());
    later(HOUR);
    expect(await ask(cache, at, { method: "HEAD" })).toEqual(served(added));
    expect(await ask(cache, at)).toEqual(served(added));
    expect((await ask(cache, `${name}/manifests/1`)).status).toBe(403);
    expect((await holdsOf(name)).map(({ tag }) => tag)).toEqual(["1"]);
  });

  it("that moves to what runs is held at the signature", async () => {
    const { name, cache, at, tag, signature } = await signed("age-exempt-image");
    expect(await ask(cache, at)).toEqual(served(signature));
    const bad = await fixture.image(name, tag, { seed: `${name}-bad` });
    later(HOUR);
    expect(await ask(cache, at)).toMatchObject({
      digest: signature.digest,
      until: expect.any(String),
    });
    expect(await holdsOf(name)).toMatchObject([
      { tag, hold: { candidate: bad.digest, accepted: signature.digest } },
    ]);
  });

  it("is refused where its first image runs, or its signature may be unpacked", async () => {
    const { name, cache } = await signed("age-exempt-first");
    await fixture.image(name, "image.sig", { seed: `${name}-sig` });
    await claimed(name, "layer.sig", gzipSync("a layer"));
    for (const tag of ["image.sig", "layer.sig"])
      expect((await ask(cache, `${name}/manifests/${tag}`)).status).toBe(403);
  });

  it("is held while its contents cannot be read, and passes once they can", async () => {
    const { name, cache } = await signed("age-exempt-lost");
    const { layer, ...made } = await claimed(name, "any", `{"of":"${name}"}`);
    const match = { repository: name, reference: layer.digest };
    await fixture.fault({ match, do: { status: 404 } });
    expect((await ask(cache, `${name}/manifests/any`)).status).toBe(403);
    later(HOUR);
    expect(await ask(cache, `${name}/manifests/any`)).toEqual(served(made));
    expect(await holdsOf(name)).toEqual([]);
  });
});
