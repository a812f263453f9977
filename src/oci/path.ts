// Registry API paths: decoded and parsed once into a request.

import { type Digest, isDigest } from "./digest.ts";
import { RegistryError } from "./error.ts";
import { isRepositoryName, isTag } from "./name.ts";

/** The request of a path under /v2/; `name` is the client's, with the prefix. */
export type RegistryRequest =
  | { kind: "ping" }
  | { kind: "manifest"; name: string; tag: string; digest?: undefined }
  | { kind: "manifest"; name: string; digest: Digest; tag?: undefined }
  | { kind: "blob"; name: string; digest: Digest }
  | { kind: "tags"; name: string }
  | { kind: "referrers"; name: string; digest: Digest };

/** Throws NAME_INVALID and DIGEST_INVALID (400), and UNSUPPORTED (404) for a path that is not an endpoint.
 * @param pathname of the URL, still percent-encoded */
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
  // The conformance suite expects 404, not 400: an invalid tag is a tag that does not exist.
  if (!isTag(reference))
    throw new RegistryError("MANIFEST_UNKNOWN", "the reference is neither a tag nor a digest");
  return { kind: "manifest", name, tag: reference };
}

function noEndpoint(): RegistryError {
  return new RegistryError("UNSUPPORTED", "no such endpoint; the registry API is under /v2/", {
    status: 404,
  });
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
    "invalid repository name: it must have components of lower-case letters and digits with separators . _ __ or -, joined by /, and at most 255 characters",
  );
}

function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new RegistryError(
    "DIGEST_INVALID",
    "invalid digest: it must be sha256: with 64 or sha512: with 128 lower-case hexadecimal digits",
  );
}
