// A catalog of a test's own, and facts to tell it.

import { env } from "cloudflare:workers";
import type { Catalog } from "../../src/catalog/contract.ts";
import { openCatalog } from "../../src/catalog/open.ts";
import type { BlobFact, ManifestFact } from "../../src/catalog/record/contract.ts";
import type { Env } from "../../src/env.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";

const { CATALOG } = env as unknown as Env;

/** In place of the binding: a catalog of the test's own. */
export function ownCatalog(): Env["CATALOG"] {
  const id = CATALOG.idFromName(crypto.randomUUID());
  return {
    idFromName: () => id,
    get: () => CATALOG.get(id),
  } as unknown as Env["CATALOG"];
}

export function freshCatalog(): Catalog {
  return openCatalog({ CATALOG: ownCatalog() });
}

export function digestFor(name: string): Digest {
  return digestOf(new TextEncoder().encode(name));
}

export interface Told extends Partial<Omit<ManifestFact, "blobs" | "children" | "subject">> {
  /** By their names. */
  blobs?: string[];
  children?: string[];
  subject?: string;
}

/** A manifest of 1,000 bytes, by its name. */
export function manifestFact(place: string, name: string, fields: Told = {}): ManifestFact {
  const { blobs = [], children = [], subject, ...rest } = fields;
  return {
    digest: digestFor(name),
    place,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    size: 1000,
    children: children.map((child) => ({ digest: digestFor(child) })),
    blobs: blobs.map(digestFor),
    cachedAt: 0,
    ...(subject !== undefined && { subject: digestFor(subject) }),
    ...rest,
  };
}

export function blobFact(name: string, size: number, cachedAt = 0): BlobFact {
  return { digest: digestFor(name), size, attempt: "a1", generation: `g-${name}`, cachedAt };
}
