// Signatures that the real cosign made (make-cosign.ts), as material of a question.

import type { Signer, VerifyEntry } from "../../../src/config/verify.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import type { Question, SignatureArtifact } from "../../../src/signatures/contract.ts";
import fixtures from "../cosign.json" with { type: "json" };

interface Stored {
  digest: string;
  manifest: string;
  blobs: Readonly<Record<string, string | undefined>>;
}

const { artifacts, images, keys } = fixtures as unknown as {
  keys: Record<string, string>;
  images: Record<string, { digest: string; manifest: string }>;
  artifacts: Record<string, Stored>;
};

export const KEYS = keys;
export const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

/** @param name such as `p256 sig` */
export function artifactOf(name: string): SignatureArtifact {
  return stored(artifacts[name] as Stored);
}

/** An artifact as the makers of fixtures store it. */
export function stored({ digest, manifest, blobs }: Stored): SignatureArtifact {
  return {
    digest: digest as Digest,
    manifest: bytesOf(manifest),
    blobs: new Map(
      Object.entries(blobs).map(([one, text]) => [one as Digest, bytesOf(text ?? "")] as const),
    ),
  };
}

export function imageOf(name: string): { digest: Digest; manifest: Uint8Array } {
  const { digest, manifest } = images[name] as { digest: string; manifest: string };
  return { digest: digest as Digest, manifest: bytesOf(manifest) };
}

/** An artifact with one layer, put together by the test. */
export function artifactWith(
  layer: { mediaType: string; bytes: Uint8Array; annotations?: Record<string, string> },
  artifactType?: string,
): SignatureArtifact {
  return artifactWithAll([layer], artifactType);
}

export function artifactWithAll(
  layers: { mediaType: string; bytes: Uint8Array; annotations?: Record<string, string> }[],
  artifactType?: string,
): SignatureArtifact {
  const described = layers.map(({ mediaType, bytes, annotations }) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.byteLength,
    ...(annotations && { annotations }),
  }));
  const manifest = new TextEncoder().encode(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      ...(artifactType && { artifactType }),
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: digestOf(new Uint8Array()),
        size: 0,
      },
      layers: described,
    }),
  );
  const blobs = new Map(layers.map(({ bytes }) => [digestOf(bytes), bytes] as const));
  return { digest: digestOf(manifest), manifest, blobs };
}

export const NOW = Date.parse("2026-12-01T00:00:00Z");

export function byAll(...all: Signer[]): VerifyEntry {
  return { images: ["**"], all, any: [] };
}

export const byKey = (name: string, log = false): Signer => ({ kind: "key", name, log });

/** A question about one of cosign's images, with the keys as variables of their own name. */
export function question(name: string, over: Partial<Question> = {}): Question {
  const [key = ""] = name.split(" ");
  return {
    image: imageOf(name).digest,
    entry: byAll(byKey(key)),
    signers: { pems: KEYS },
    artifacts: [artifactOf(name)],
    now: NOW,
    ...over,
  };
}
