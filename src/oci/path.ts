// The paths of the registry API: parsed once, after decoding, into what they ask for.

import { type Digest, isDigest } from "./digest.ts";
import { RegistryError } from "./error.ts";
import { isRepositoryName, isTag } from "./name.ts";

/** What a path under /v2/ asks for; `name` as the client says it, prefix included. */
export type RegistryRequest =
  | { kind: "ping" }
  | { kind: "manifest"; name: string; tag: string; digest?: undefined }
  | { kind: "manifest"; name: string; digest: Digest; tag?: undefined }
  | { kind: "blob"; name: string; digest: Digest }
  | { kind: "tags"; name: string }
  | { kind: "referrers"; name: string; digest: Digest };

/** @param pathname as it stands in the URL, still percent-encoded
 * Throws NAME_INVALID and DIGEST_INVALID (400), and a 404 for what is no endpoint. */
export function parsePath(pathname: string): RegistryRequest {
  const path = decode(pathname);
  if (path === "/v2/" || path === "/v2") return { kind: "ping" };
  if (!path.startsWith("/v2/")) throw noEndpoint();
  if (path.endsWith("/tags/list")) {
    return { kind: "tags", name: repositoryName(path.slice("/v2/".length, -"/tags/list".length)) };
  }
  const match = /^\/v2\/(.*)\/(manifests|blobs|referrers)\/([^/]*)$/s.exec(path);
  if (!match) throw noEndpoint();
  const [, rawName = "", endpoint, reference = ""] = match;
  const name = repositoryName(rawName);
  if (endpoint === "blobs") return { kind: "blob", name, digest: parseDigest(reference) };
  if (endpoint === "referrers") return { kind: "referrers", name, digest: parseDigest(reference) };
  if (reference.includes(":")) return { kind: "manifest", name, digest: parseDigest(reference) };
  // The conformance suite expects 404, not 400: what cannot be a tag is a tag that does not exist.
  if (!isTag(reference))
    throw new RegistryError("MANIFEST_UNKNOWN", "the reference is neither a tag nor a digest");
  return { kind: "manifest", name, tag: reference };
}

function noEndpoint(): RegistryError {
  return new RegistryError(
    "UNSUPPORTED",
    "there is no such endpoint; the registry API is under /v2/",
    { status: 404 },
  );
}

function decode(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw new RegistryError("NAME_INVALID", "the path is not properly percent-encoded");
  }
}

function repositoryName(text: string): string {
  if (isRepositoryName(text)) return text;
  throw new RegistryError(
    "NAME_INVALID",
    "a repository's name has parts of lower-case letters, digits and single . _ or -, split by /, 255 characters at most",
  );
}

function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new RegistryError(
    "DIGEST_INVALID",
    "a digest is sha256: and 64, or sha512: and 128 hexadecimal digits in lower case",
  );
}
