// Allow and deny lists of a rule, over names, tags and digests. Pure.

import { hasOfficialImages } from "../config/docker-hub.ts";
import type { Rule } from "../config/rule.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { matchesTag, namePattern } from "./glob.ts";
import { ownName, type Source } from "./source.ts";

/** The names of a repository that a rule's globs may match, including Docker's short name of an official image. */
export function namesOf(source: Source): string[] {
  const name = ownName(source);
  const isOfficial = hasOfficialImages(source.rule) && /^library\/[^/]+$/.test(name);
  return isOfficial ? [name, name.slice("library/".length)] : [name];
}

/** Whether anything under this name may be pulled, if only some tags. */
export function isNameAllowed(source: Source): boolean {
  const { allow, deny } = source.rule;
  const names = namesOf(source);
  if (deny.some((glob) => coversAllTags(glob) && matchesName(glob, names))) return false;
  return allow === undefined || allow.some((glob) => matchesName(glob, names));
}

export function isTagAllowed(source: Source, tag: string): boolean {
  const { allow, deny } = source.rule;
  const names = namesOf(source);
  const matches = (glob: string) =>
    coversAllTags(glob) ? matchesName(glob, names) : matchesTag(glob, names, tag);
  return !deny.some(matches) && (allow === undefined || allow.some(matches));
}

/** Whether the lists distinguish tags of this name: then a digest alone does not decide whether it is allowed. */
export function speaksOfTags(source: Source): boolean {
  const { allow, deny } = source.rule;
  const names = namesOf(source);
  const own = (globs: readonly string[]) => globs.filter((glob) => matchesName(glob, names));
  const denied = own(deny).some((glob) => !coversAllTags(glob));
  return denied || (allow !== undefined && !own(allow).some(coversAllTags));
}

export function isDigestDenied(rule: Rule, digest: Digest): boolean {
  return rule.denyDigests.includes(digest);
}

/** @param what names what is refused, for a rule without a denyReason */
export function denied(rule: Rule, what: string, digest?: Digest): RegistryError {
  const refusal = { by: "list" as const, ...(digest && { digest }) };
  const message = rule.denyReason ?? `${what} may not be pulled from this cache`;
  return new RegistryError("DENIED", message, { refusal });
}

function coversAllTags(glob: string): boolean {
  return !glob.includes(":") || glob.endsWith(":*") || glob.endsWith(":**");
}

function matchesName(glob: string, names: readonly string[]): boolean {
  return names.some(namePattern(glob).name);
}
