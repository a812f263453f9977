// Wildcards: patterns in which `*` matches any characters, including `/` and `:`, and nothing else is special; for claims of OIDC tokens,
// administrators and lifecycle rules. Matches in time proportional to pattern × text: each part is searched once, after the one before.

import type { Matcher } from "./glob.ts";
import { spend } from "./steps.ts";

export function wildcard(pattern: string): Matcher {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (text) => text === pattern;
  return (text) => {
    spend(text.length + 1);
    if (!text.startsWith(first)) return false;
    let from = first.length;
    for (const part of rest) {
      const at = text.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return text.length - last.length >= from && text.endsWith(last);
  };
}
