// Entry of signature verification: what callers use. The verifier, with sigstore's libraries, is loaded on the first question.

import { createHash } from "node:crypto";
import type { Signers } from "../config/signers.ts";
import type { Signer, VerifyEntry } from "../config/verify.ts";
import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";
import { type Outcome, type Question, SIGNATURE_PREDICATE } from "./contract.ts";
import { formatOf, isReadable, signatureManifestIn } from "./manifests.ts";
import { needsRoot, releasedVersion } from "./released.ts";

/** Judges the material by the entry. Never throws. */
export async function verifySignatures(question: Question): Promise<Outcome> {
  const { judge } = await import("./judge.ts");
  return judge(question);
}

/** Raised when the room judges differently, so that kept outcomes of earlier versions do not count. */
const ROOM_VERSION = 1;

/** The policy version of outcomes: 32 hexadecimal digits of a hash over all that an outcome depends on besides the signatures. */
export function verifyVersion({ all, any }: VerifyEntry, { pems, root }: Signers): string {
  const material = (signer: Signer) => ("name" in signer ? (pems[signer.name] ?? "") : "");
  const parts = [
    ROOM_VERSION,
    [all, all.map(material)],
    [any, any.map(material)],
    needsRoot({ all, any }) ? (root ?? releasedVersion()) : "",
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** cosign's tag of an image's signatures. */
export function signatureTag(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest)}.sig`;
}

/** Annotation of cosign at a bundle's descriptor. */
const PREDICATE = "dev.sigstore.bundle.predicateType";

/** Whether a descriptor in a list of referrers is of a signature. Attestations that say so are none. */
export function claimsSignature(descriptor: {
  artifactType?: unknown;
  annotations?: unknown;
}): boolean {
  const { artifactType, annotations } = descriptor;
  const format = formatOf(artifactType);
  if (format !== "bundle") return format !== undefined;
  const predicate = (annotations as Record<string, unknown> | null | undefined)?.[PREDICATE];
  return typeof predicate !== "string" || predicate === SIGNATURE_PREDICATE;
}

/** The layers of a signature manifest that a question needs; empty for what is no signature. */
export function blobsToRead(manifest: Uint8Array): { digest: Digest; size: number }[] {
  const layers = signatureManifestIn(manifest)?.layers ?? [];
  const bySize = new Map(
    layers.filter(isReadable).map(({ digest, size }) => [digest, { digest, size }]),
  );
  return [...bySize.values()];
}
