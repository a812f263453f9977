// Source: the rule and repository that content may be fetched from. Plain data, sent to Durable Objects as it is.

import type { Rule } from "../config/rule.ts";
import type { Requester } from "./requester.ts";

export interface Source {
  rule: Rule;
  /** The repository's name at the upstream. */
  repository: string;
  /** The identity that causes the fetch; absent for background work and in data from older versions. Not part of the key. */
  by?: Requester;
}

/** The name of an upstream with a list of credentials. Keys, tokens and refusals are stored under it, so that nothing obtained with one
 * credential is used for another. */
export function originOf(rule: Rule): string {
  // http:// and https:// of one host may be two registries.
  const upstream = rule.upstream.base.replace(/^https:\/\//, "");
  // The last `~` separates the two. A path that contains one gets another: `h/a~KEY` without credentials would equal `h/a` with KEY.
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

/** The repository's name as in the rule's own lists: without the rule's prefix and `upstreamPrefix`. */
export function ownName({ rule, repository }: Source): string {
  return rule.upstreamPrefix ? repository.slice(rule.upstreamPrefix.length + 1) : repository;
}

/** The origin and the repository, separated by two slashes, which a repository never contains: `b` at an upstream with a path (`h/a`) and
 * `a/b` at one without (`h`) may be in two registries. */
export function sourceKey(source: Source): string {
  return `${originOf(source.rule)}//${source.repository}`;
}
