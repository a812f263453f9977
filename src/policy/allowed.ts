// What a rule lets through: its lists of names, tags and digests. Decides, does not act.

import { hasOfficialImages } from "../config/docker-hub.ts";
import type { Rule } from "../config/rule.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { matchesTag, namePattern } from "./glob.ts";
import { ownName, type Source } from "./source.ts";

/** The names that a rule's globs may mean a repository by: docker's own short name of an official image is one. */
export function namesOf(source: Source): string[] {
  const name = ownName(source);
  const isOfficial = hasOfficialImages(source.rule) && /^library\/[^/]+$/.test(name);
  return isOfficial ? [name, name.slice("library/".length)] : [name];
}

/** Whether something of this name may be pulled, be it some tags only. */
export function isNameAllowed(source: Source): boolean {
  const { allow, deny } = source.rule;
  const names = namesOf(source);
  if (deny.some((glob) => isOfAllTags(glob) && matchesName(glob, names))) return false;
  return allow === undefined || allow.some((glob) => matchesName(glob, names));
}

export function isTagAllowed(source: Source, tag: string): boolean {
  const { allow, deny } = source.rule;
  const names = namesOf(source);
  const matches = (glob: string) =>
    isOfAllTags(glob) ? matchesName(glob, names) : matchesTag(glob, names, tag);
  return !deny.some(matches) && (allow === undefined || allow.some(matches));
}

/** Whether, for this name, the lists tell tags apart: a digest alone does not say then whether it is allowed. */
export function speaksOfTags(source: Source): boolean {
  const { allow, deny } = source.rule;
  const names = namesOf(source);
  const own = (globs: readonly string[]) => globs.filter((glob) => matchesName(glob, names));
  const denied = own(deny).some((glob) => !isOfAllTags(glob));
  return denied || (allow !== undefined && !own(allow).some(isOfAllTags));
}

export function isDigestDenied(rule: Rule, digest: Digest): boolean {
  return rule.denyDigests.includes(digest);
}

/** @param what says what is refused, for a rule that gives no reason of its own */
export function denied(rule: Rule, what: string): RegistryError {
  return new RegistryError("DENIED", rule.denyReason ?? `${what} may not be pulled here`);
}

function isOfAllTags(glob: string): boolean {
  return !glob.includes(":") || glob.endsWith(":*") || glob.endsWith(":**");
}

function matchesName(glob: string, names: readonly string[]): boolean {
  return names.some(namePattern(glob).name);
}
