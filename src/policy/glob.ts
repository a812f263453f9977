// Globs over names and tags, as rules write them. `*` matches within one part of a name, `**` any number of parts; a
// name that is `*` alone is every name, since that is what people mean by it.

import picomatch from "picomatch";

export type Matcher = (text: string) => boolean;

const OPTIONS = { dot: true, nonegate: true, noextglob: true, nocase: false, posix: true } as const;
/** Patterns come from the configuration: there are as many as it has. */
const matchers = new Map<string, Matcher>();

export function globMatcher(pattern: string): Matcher {
  let matcher = matchers.get(pattern);
  if (!matcher) {
    const matches = picomatch(pattern, OPTIONS);
    // With the text alone: `names.some(matcher)` would hand on the index too, which picomatch takes for an option.
    matcher = pattern === "*" || pattern === "**" ? () => true : (text) => matches(text);
    matchers.set(pattern, matcher);
  }
  return matcher;
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
