// What a manifest refers to: children, config, layers. Foreign bodies: nothing in them is trusted to be what it should.

import { plain } from "../text/plain.ts";
import { type Digest, isDigest } from "./digest.ts";
import { parseObject } from "./json.ts";
import { type Kind, kindOf } from "./kind.ts";
import { platformOf } from "./platform.ts";

export interface References {
  /** What is, or may be, a manifest. */
  children: Digest[];
  /** Config, layers, and what an index names beside manifests. */
  blobs: Digest[];
}

/** Something that a manifest or an index names as its own. */
export interface Named extends DescribedPart {
  kind: Kind;
  platform?: string;
  /** A blob that registries take without having it: whoever pushes a manifest may name any digest there (image-spec, "Non-Distributable
   * Layers"; Docker's foreign layers). Its `urls` are never followed. */
  foreign?: true;
}

/** What belongs to a manifest or an index (image-spec: `manifests`, `config`, `layers`; and `blobs` of OCI's former artifact
 * manifest). A subject does not: it is what the manifest is about. The one walk over these fields: all that asks what leads where uses it.
 * @param body a manifest's JSON */
export function namedIn({ manifests, config, layers, blobs, fsLayers }: Body): Named[] {
  return [
    ...listed(manifests).flatMap((one) => named(one, kindOf(typeIn(one)))),
    ...[config].flatMap((one) => partIn(one)).map((one) => ({ ...one, kind: "blob" as const })),
    // A client that goes by media types, as oras and containerd do, asks for such a layer as a manifest.
    ...[...listed(layers), ...listed(blobs)].flatMap((one) => {
      return named(one, kindOf(typeIn(one)) === "manifest" ? "unknown" : "blob");
    }),
    // Docker's schema 1, which earlier versions kept.
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

/** Of a part's media type, in characters. */
const LONGEST_TYPE = 255;

/** Of a manifest: a config, a layer, an entry of an index. */
export interface DescribedPart {
  digest: Digest;
  /** As it can be shown; "" where it is not told. */
  mediaType: string;
  /** In bytes; 0 where it is not told. */
  size: number;
}

/** At most one. */
export function partIn(descriptor: unknown): DescribedPart[] {
  const { mediaType, size } = (descriptor ?? {}) as { mediaType?: unknown; size?: unknown };
  const isSize = typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
  return digestIn(descriptor).map((digest) => ({
    digest,
    mediaType: typeof mediaType === "string" ? plain(mediaType, LONGEST_TYPE) : "",
    size: isSize ? size : 0,
  }));
}

/** At most one. */
export function digestIn(descriptor: unknown): Digest[] {
  const digest = (descriptor as { digest?: unknown } | null | undefined)?.digest;
  return typeof digest === "string" && isDigest(digest) ? [digest] : [];
}
