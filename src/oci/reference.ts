// Image references as users write them: a name with a tag or a digest.

import { type Digest, isDigest } from "./digest.ts";
import { RegistryError } from "./error.ts";
import { isRepositoryName, isTag } from "./name.ts";

/** A parsed reference. */
export interface Reference {
  /** The name without the cache's own host. */
  name: string;
  tag?: string;
  digest?: Digest;
}

/** Parses a reference, with `latest` as the default tag; throws NAME_INVALID (400).
 * @param host the cache's own host, which the reference may begin with */
export function parseReference(text: string, host: string): Reference {
  const own = text.startsWith(`${host}/`) ? text.slice(host.length + 1) : text;
  const [before = "", digest] = own.split("@", 2) as [string, string?];
  const [, name = "", tag] = /^(.*?)(?::([^/:]*))?$/.exec(before) ?? [];
  if (!isRepositoryName(name) || (tag !== undefined && !isTag(tag)))
    throw invalid(
      `reference: "${text.slice(0, 300)}" is not an image: use name:tag or name@sha256:…`,
    );
  if (digest === undefined) return { name, tag: tag ?? "latest" };
  if (!isDigest(digest)) throw invalid("reference: the part after @ is not a digest");
  return { name, digest };
}

function invalid(message: string): RegistryError {
  return new RegistryError("NAME_INVALID", message);
}
