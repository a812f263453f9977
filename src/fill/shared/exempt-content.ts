// Exempt content: reads what a manifest names, to find out whether what its types claim (oci/exempt) is so.

import type { Digest } from "../../oci/digest.ts";
import { claimsExemption } from "../../oci/exempt.ts";
import { parseObject } from "../../oci/json.ts";
import { namedIn } from "../../oci/references.ts";
import { HEADER, mayRun } from "../../oci/runnable.ts";

/** Maximum number of children of an exempt index. */
const MAX_CHILDREN = 32;
/** Maximum size in bytes of a blob of an exempt manifest, since it is fetched before the manifest is served. */
const MAX_BLOB = 64 * 1024 * 1024;
/** Number of blobs or children that are examined at once. */
const AT_ONCE = 4;

/** Reads of what a manifest names. They throw what cannot be read. */
export interface ExemptReads {
  manifest(digest: Digest): Promise<Uint8Array>;
  /** The first `limit` bytes of a blob, once all of it is verified. */
  blob(digest: Digest, limit: number): Promise<Uint8Array>;
}

/** Whether the manifest is exempt. Throws if its contents cannot be read. */
export async function isExempt(
  manifest: Uint8Array,
  reads: ExemptReads,
  depth = 0,
): Promise<boolean> {
  if (!claimsExemption(manifest)) return false;
  const body = parseObject(manifest) ?? {};
  const parts = namedIn(body);
  if (Array.isArray(body.manifests)) {
    if (depth > 0 || parts.length > MAX_CHILDREN) return false;
    if (parts.some(({ kind }) => kind === "blob")) return false;
    return every(parts, async ({ digest }) => {
      return isExempt(await reads.manifest(digest), reads, depth + 1);
    });
  }
  return every(parts, async ({ digest, size }) => {
    if (size > MAX_BLOB) return false;
    return !mayRun(await reads.blob(digest, HEADER));
  });
}

async function every<T>(all: readonly T[], test: (one: T) => Promise<boolean>): Promise<boolean> {
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const some = await Promise.allSettled(all.slice(at, at + AT_ONCE).map(test));
    if (some.some((one) => one.status === "fulfilled" && !one.value)) return false;
    for (const one of some) if (one.status === "rejected") throw one.reason;
  }
  return true;
}
