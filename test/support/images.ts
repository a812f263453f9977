// Images, indexes and referrers as JSON, in OCI's media types or Docker's.

import type { Descriptor } from "./wire.ts";

export type Format = "oci" | "docker";

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

export const TYPES = {
  oci: {
    manifest: "application/vnd.oci.image.manifest.v1+json",
    index: "application/vnd.oci.image.index.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  },
  docker: {
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  },
} as const satisfies Record<Format, Record<string, string>>;

/** The empty descriptor of OCI 1.1, the config of an artifact without one. */
export const EMPTY = { mediaType: "application/vnd.oci.empty.v1+json", content: "{}" } as const;

export function configOf(
  seed: string,
  { os, architecture, variant }: Platform,
  layers: { digest: string }[],
) {
  return {
    created: "2024-01-01T00:00:00Z",
    os,
    architecture,
    ...(variant && { variant }),
    config: { Env: [`FIXTURE=${seed}`] },
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  };
}

export function manifestOf(
  format: Format,
  config: Omit<Descriptor, "mediaType">,
  layers: Omit<Descriptor, "mediaType">[],
) {
  const types = TYPES[format];
  return {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: config.digest, size: config.size },
    layers: layers.map(({ digest, size }) => ({ mediaType: types.layer, digest, size })),
  };
}

export function indexOf(format: Format, children: (Descriptor & { platform?: Platform })[]) {
  const manifests = children.map(({ mediaType, digest, size, platform }) => ({
    mediaType,
    digest,
    size,
    ...(platform && { platform }),
  }));
  return { schemaVersion: 2, mediaType: TYPES[format].index, manifests };
}

export function referrerOf(
  subject: Descriptor,
  artifactType: string,
  config: Omit<Descriptor, "mediaType">,
  layer: Omit<Descriptor, "mediaType">,
  annotations?: Record<string, string>,
) {
  return {
    schemaVersion: 2,
    mediaType: TYPES.oci.manifest,
    artifactType,
    config: { mediaType: EMPTY.mediaType, digest: config.digest, size: config.size },
    layers: [{ mediaType: "application/octet-stream", digest: layer.digest, size: layer.size }],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    ...(annotations && { annotations }),
  };
}
