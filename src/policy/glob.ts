// Globs over names and tags, as rules, tokens, policies and prewarming write them: `*` within one segment of a name, `**` across
// segments, `?`, `[a-z]`, `[!a-z]`, `{a,b}`. A pattern that is `*` alone is every name, since that is what people mean by it. Matching
// takes time linear in pattern × text, whatever the pattern: those who write patterns (a viewer in a preview, an admin of the API) must
// not be able to keep an isolate busy with one (policy/automaton).

import { LRUCache } from "lru-cache";
import { compiled } from "./glob-compiler.ts";

export type Matcher = (text: string) => boolean;

/** Bounds the compiled patterns of an isolate, in characters of theirs: each is some ten bytes. */
const MOST_CHARACTERS = 200_000;

const matchers = new LRUCache<string, Matcher>({
  maxSize: MOST_CHARACTERS,
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

/** A pattern over `name` or `name:tag`, in its two halves. */
export interface NamePattern {
  name: Matcher;
  /** Undefined: whatever the tag. */
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
