// A source: where a thing may be fetched from, under which rule. Plain data, handed to Durable Objects as it is.

import type { Rule } from "../config/rule.ts";
import type { Requester } from "./requester.ts";

export interface Source {
  rule: Rule;
  /** The repository's name at the upstream. */
  repository: string;
  /** Who makes the cache ask there; absent for background work, and from what an older version sends. Not part of its key. */
  by?: Requester;
}

/** The name of an upstream as one list of credentials sees it. Keys, tokens and refusals are kept under it,
 * so that nothing that was obtained with one credential serves another. */
export function originOf(rule: Rule): string {
  // http:// and https:// of one host may be two registries.
  const upstream = rule.upstream.base.replace(/^https:\/\//, "");
  // The last `~` parts the two, also where a path has one: `h/a~KEY` without credentials would be `h/a` with those of KEY.
  return rule.credentials.length > 0 || upstream.includes("~")
    ? `${upstream}~${rule.credentials.join(",")}`
    : upstream;
}

/** The two parts of an origin: the upstream, and the names of its credentials, if any. */
export function originParts(origin: string): { upstream: string; credentials: string } {
  const end = origin.lastIndexOf("~");
  if (end < 0) return { upstream: origin, credentials: "" };
  return { upstream: origin.slice(0, end), credentials: origin.slice(end + 1) };
}

/** The repository's name as the rule's own lists write it: without the rule's prefix and `upstreamPrefix`. */
export function ownName({ rule, repository }: Source): string {
  return rule.upstreamPrefix ? repository.slice(rule.upstreamPrefix.length + 1) : repository;
}

/** The origin and the repository. Two slashes, which a repository never has: an upstream with a path (`h/a`, and in it `b`) and
 * one without (`h`, and in it `a/b`) may be two registries. */
export function sourceKey(source: Source): string {
  return `${originOf(source.rule)}//${source.repository}`;
}
