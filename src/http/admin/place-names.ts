// Names of places (policy/source): which places a search text matches, and what clients call a place (policy/place-name).

import type { Config } from "../../config/read.ts";
import { nameOf, rootOf } from "../../policy/place-name.ts";

export { nameOf, rootOf };

/** Parts of places that match a search text: the text itself, and what it means under the names of rules. */
export function partsOf({ rules }: Config, text: string): string[] {
  const lower = text.toLowerCase();
  const named = rules.flatMap(({ rule }) =>
    [...rule.prefixes, ...rule.hosts, ...rule.ns].flatMap((base) =>
      lower.startsWith(`${base}/`)
        ? [rootOf(rule).replaceAll("//", "/").toLowerCase() + lower.slice(base.length + 1)]
        : [],
    ),
  );
  return [...new Set([lower, ...named])];
}
