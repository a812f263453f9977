// Pushing with plain HTTP: for what no client of Debian's would push as it is.

import { openAsBlob } from "node:fs";
import { type Descriptor, digestOf, type Layer } from "./layers.ts";

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";

export interface Pusher {
  /** The registry's base URL. */
  base: string;
  repository: string;
  authorization?: string;
}

export async function pushBlob(to: Pusher, content: Blob, digest: string): Promise<void> {
  const begun = await expectStatus(to, 202, `${to.base}/v2/${to.repository}/blobs/uploads/`, {
    method: "POST",
  });
  const location = new URL(begun.headers.get("location") ?? "", to.base);
  location.searchParams.set("digest", digest);
  await expectStatus(to, 201, location, { method: "PUT", body: content });
}

export async function pushJson(to: Pusher, mediaType: string, value: unknown): Promise<Descriptor> {
  const bytes = JSON.stringify(value);
  const digest = digestOf(bytes);
  await pushBlob(to, new Blob([bytes]), digest);
  return { mediaType, digest, size: Buffer.byteLength(bytes) };
}

/** @param reference the digest when it is left out */
export async function pushManifest(
  to: Pusher,
  manifest: Record<string, unknown> & { mediaType: string },
  reference?: string,
): Promise<Descriptor> {
  const bytes = JSON.stringify(manifest);
  const digest = digestOf(bytes);
  await expectStatus(to, 201, `${to.base}/v2/${to.repository}/manifests/${reference ?? digest}`, {
    method: "PUT",
    body: bytes,
    headers: { "Content-Type": manifest.mediaType },
  });
  return { mediaType: manifest.mediaType, digest, size: Buffer.byteLength(bytes) };
}

/** An image made of these layers. */
export async function pushImage(
  to: Pusher,
  layers: Layer[],
  tag: string,
  architecture = "amd64",
): Promise<Descriptor> {
  for (const layer of layers) await pushBlob(to, await openAsBlob(layer.file), layer.digest);
  const config = await pushJson(to, OCI_CONFIG, {
    architecture,
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  });
  return pushManifest(
    to,
    {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config,
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    },
    tag,
  );
}

export async function pushIndex(
  to: Pusher,
  manifests: Array<Descriptor & Record<string, unknown>>,
  tag: string,
): Promise<Descriptor> {
  return pushManifest(to, { schemaVersion: 2, mediaType: OCI_INDEX, manifests }, tag);
}

/** An artifact that refers to `subject`, and the referrers tag that a registry without the API needs
 * (distribution-spec, "Referrers Tag Schema"). */
export async function pushReferrer(
  to: Pusher,
  subject: Descriptor,
  artifactType: string,
): Promise<Descriptor> {
  const empty = await pushJson(to, "application/vnd.oci.empty.v1+json", {});
  const sbom = JSON.stringify({ about: subject.digest });
  const layer = { mediaType: artifactType, digest: digestOf(sbom), size: Buffer.byteLength(sbom) };
  await pushBlob(to, new Blob([sbom]), layer.digest);
  const artifact = await pushManifest(to, {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType,
    config: empty,
    layers: [layer],
    subject,
  });
  await pushIndex(to, [{ ...artifact, artifactType }], subject.digest.replace(":", "-"));
  return artifact;
}

async function expectStatus(
  { authorization }: Pusher,
  status: number,
  url: string | URL,
  init: RequestInit,
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (authorization) headers.set("Authorization", authorization);
  const response = await fetch(url, { ...init, headers });
  const said = await response.text();
  if (response.status === status) return response;
  throw new Error(`${init.method} ${url} was answered with ${response.status}: ${said}`);
}
