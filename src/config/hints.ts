// Hints of `check`: warnings about a valid rule that may not do what was intended.

import { hubHint } from "./docker-hub.ts";
import type { Rule } from "./rule.ts";
import { pathHint } from "./upstream-path.ts";

export function hintsOf(rule: Rule): string[] {
  return [pathHint(rule), hubHint(rule)].filter((hint) => hint !== undefined);
}
