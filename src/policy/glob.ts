// Globs over names and tags, for rules, tokens, policies and prewarming: `*` within one segment of a name, `**` across segments, `?`,
// `[a-z]`, `[!a-z]`, `{a,b}`; `*` alone matches every name, as users expect. Matching takes time proportional to pattern × text for any
// pattern (policy/automaton), so that a viewer or an API administrator cannot keep an isolate busy with one (ReDoS).

import { LRUCache } from "lru-cache";
import { compiled } from "./glob-compiler.ts";

export type Matcher = (text: string) => boolean;

/** Maximum size of an isolate's compiled patterns, in pattern characters of about ten bytes each. */
const MAX_CACHED_CHARACTERS = 200_000;

const matchers = new LRUCache<string, Matcher>({
  maxSize: MAX_CACHED_CHARACTERS,
  sizeCalculation: (_, pattern) => pattern.length + 100,
});

export function globMatcher(pattern: string): Matcher {
  const known = matchers.get(pattern);
  if (known) return known;
  const matcher = isEverything(pattern) ? () => true : automatonOf(pattern);
  matchers.set(pattern, matcher);
  return matcher;
}

function automatonOf(pattern: string): Matcher {
  const automaton = compiled(pattern);
  return (text) => automaton.matches(text);
}

function isEverything(pattern: string): boolean {
  return pattern === "*" || pattern === "**";
}

/** A pattern over `name` or `name:tag`, split into its two parts. */
export interface NamePattern {
  name: Matcher;
  /** Undefined for any tag. */
  tag: Matcher | undefined;
}

export function namePattern(pattern: string): NamePattern {
  const colon = pattern.indexOf(":");
  if (colon < 0) return { name: globMatcher(pattern), tag: undefined };
  return { name: globMatcher(pattern.slice(0, colon)), tag: globMatcher(pattern.slice(colon + 1)) };
}

/** A pattern over a tag, or over `name:tag`. */
export function matchesTag(pattern: string, names: readonly string[], tag: string): boolean {
  if (!pattern.includes(":")) return globMatcher(pattern)(tag);
  const { name, tag: tags } = namePattern(pattern);
  return names.some(name) && (tags === undefined || tags(tag));
}
