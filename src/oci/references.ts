// References of a manifest: children, config and layers. The body is foreign, so the type of every field is checked.

import { plain } from "../text/plain.ts";
import { type Digest, isDigest } from "./digest.ts";
import { parseObject } from "./json.ts";
import { type Kind, kindOf } from "./kind.ts";
import { platformOf } from "./platform.ts";

export interface References {
  /** Digests that are, or may be, of manifests. */
  children: Digest[];
  /** Config, layers, and non-manifest entries of an index. */
  blobs: Digest[];
}

/** A part of a manifest or an index. */
export interface Named extends DescribedPart {
  kind: Kind;
  platform?: string;
  /** A blob that registries accept in a manifest without having it: the manifest's author may name any digest there (image-spec,
   * "Non-Distributable Layers"; Docker's foreign layers). Its `urls` are never followed. */
  foreign?: true;
}

/** The parts of a manifest or an index (image-spec: `manifests`, `config`, `layers`; and `blobs` of OCI's former artifact manifest). Its
 * subject is not a part. All code that follows references uses this function.
 * @param body a manifest's JSON */
export function namedIn({ manifests, config, layers, blobs, fsLayers }: Body): Named[] {
  return [
    ...listed(manifests).flatMap((one) => named(one, kindOf(typeIn(one)))),
    ...[config].flatMap((one) => partIn(one)).map((one) => ({ ...one, kind: "blob" as const })),
    // Clients that decide by media type, as oras and containerd do, request such a layer as a manifest.
    ...[...listed(layers), ...listed(blobs)].flatMap((one) => {
      return named(one, kindOf(typeIn(one)) === "manifest" ? "unknown" : "blob");
    }),
    // Docker's schema 1, which earlier versions of this cache stored.
    ...listed(fsLayers).flatMap((one) => {
      return named({ digest: (one as { blobSum?: unknown } | null)?.blobSum }, "blob");
    }),
  ];
}

type Body = Readonly<Record<string, unknown>>;

function listed(list: unknown): unknown[] {
  return Array.isArray(list) ? list : [];
}

function typeIn(descriptor: unknown): unknown {
  return (descriptor as { mediaType?: unknown } | null | undefined)?.mediaType;
}

function named(descriptor: unknown, kind: Kind): Named[] {
  const { platform, urls } = (descriptor ?? {}) as { platform?: object | null; urls?: unknown };
  const mediaType = typeIn(descriptor);
  const isNamedSo = typeof mediaType === "string" && /foreign|nondistributable/i.test(mediaType);
  const isForeign = kind !== "manifest" && (isNamedSo || listed(urls).length > 0);
  const text = platformOf(platform ?? {});
  return partIn(descriptor).map((part) => ({
    ...part,
    kind: isForeign ? "blob" : kind,
    ...(text !== undefined && { platform: text }),
    ...(isForeign && { foreign: true as const }),
  }));
}

export function referencesIn(bytes: Uint8Array): References {
  const all = namedIn(parseObject(bytes) ?? {});
  return {
    children: all.filter(({ kind }) => kind !== "blob").map(({ digest }) => digest),
    blobs: all.filter(({ kind }) => kind === "blob").map(({ digest }) => digest),
  };
}

/** Maximum length of a part's media type, in characters. */
const MAX_MEDIA_TYPE = 255;

/** A config, a layer, or an entry of an index. */
export interface DescribedPart {
  digest: Digest;
  /** Sanitized; "" if not given. */
  mediaType: string;
  /** In bytes; 0 if not given. */
  size: number;
}

/** The part that a descriptor names, as a list of at most one. */
export function partIn(descriptor: unknown): DescribedPart[] {
  const { mediaType, size } = (descriptor ?? {}) as { mediaType?: unknown; size?: unknown };
  const isSize = typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
  return digestIn(descriptor).map((digest) => ({
    digest,
    mediaType: typeof mediaType === "string" ? plain(mediaType, MAX_MEDIA_TYPE) : "",
    size: isSize ? size : 0,
  }));
}

/** The digest of a descriptor, as a list of at most one. */
export function digestIn(descriptor: unknown): Digest[] {
  const digest = (descriptor as { digest?: unknown } | null | undefined)?.digest;
  return typeof digest === "string" && isDigest(digest) ? [digest] : [];
}
