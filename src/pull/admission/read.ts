// Reads for admission: manifests and blobs that a decision needs, through the fills, which verify them and confirm the repository's link.

import type { Asking } from "../../fill/contract.ts";
import { isExempt } from "../../fill/shared/exempt-content.ts";
import { RegistryError } from "../../oci/error.ts";
import { startOf } from "../../platform/stream-start.ts";
import { askingOf } from "../pull.ts";
import type { AdmissionRequest, ContentRequest } from "./contract.ts";

/** Fetches a manifest, or reads it if it is stored. Throws the upstream's error. */
export async function fetchManifest({
  services,
  source,
  digest,
  pull,
}: ContentRequest): Promise<Uint8Array> {
  const asking = { ...decidingFor(pull), named: true };
  const { manifest } = await services.fills.joinManifest(digest, source, asking);
  services.manifests.keep(manifest, pull);
  return manifest.bytes;
}

/** The first `limit` bytes of a blob, once all of it is stored and verified: bytes that are still arriving may be of another digest.
 * Throws the upstream's error. */
export async function readBlob(
  { services, source, digest, pull }: ContentRequest,
  limit: number,
): Promise<Uint8Array> {
  const { fills, blobs } = services;
  const joined = await fills.joinBlob(digest, source, decidingFor(pull));
  if (joined.state === "filling") await fills.waitFor(digest, source, joined.attempt, 0, true);
  const opened = await blobs.open(digest, pull);
  if (!opened?.first) throw new RegistryError("BLOB_UNKNOWN", `${digest} is no longer stored`);
  return startOf(opened.first.stream, limit);
}

/** Whether a manifest of the request's repository is exempt. Throws if its contents cannot be read. */
export function isExemptManifest(request: ContentRequest, manifest: Uint8Array): Promise<boolean> {
  return isExempt(manifest, {
    manifest: (digest) => fetchManifest({ ...request, digest }),
    blob: (digest, limit) => readBlob({ ...request, digest }, limit),
  });
}

/** As `askingOf`, without the client's `Cache-Control`, which is about what it requests. */
export function decidingFor(pull: ContentRequest["pull"]): Asking {
  return askingOf({ ...pull, noCache: false, content: false });
}

/** A request that has its time to the upstream's first byte for the decision: what came before may have used up its own. */
export function patient(request: AdmissionRequest): AdmissionRequest {
  const { pull, source } = request;
  const deadline = Math.max(pull.deadline, Date.now() + source.rule.firstByteTimeout);
  return { ...request, pull: { ...pull, deadline } };
}
