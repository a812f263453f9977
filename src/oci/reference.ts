// Image references, as people write them: a name with a tag or a digest.

import { type Digest, isDigest } from "./digest.ts";
import { RegistryError } from "./error.ts";
import { isRepositoryName, isTag } from "./name.ts";

/** As a person writes it, taken apart. */
export interface Reference {
  /** Without the cache's own host. */
  name: string;
  tag?: string;
  digest?: Digest;
}

/** Throws NAME_INVALID (400).
 * @param host the cache's own, which the reference may begin with */
export function parseReference(text: string, host: string): Reference {
  const own = text.startsWith(`${host}/`) ? text.slice(host.length + 1) : text;
  const [before = "", digest] = own.split("@", 2) as [string, string?];
  const [, name = "", tag] = /^(.*?)(?::([^/:]*))?$/.exec(before) ?? [];
  if (!isRepositoryName(name) || (tag !== undefined && !isTag(tag)))
    throw bad(`reference: "${text.slice(0, 300)}" is no image: write name:tag, or name@sha256:…`);
  if (digest === undefined) return { name, tag: tag ?? "latest" };
  if (!isDigest(digest)) throw bad("reference: what stands behind the @ is no digest");
  return { name, digest };
}

function bad(message: string): RegistryError {
  return new RegistryError("NAME_INVALID", message);
}
