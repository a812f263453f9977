// What `check` says of a rule that can be used, and that may not do what was meant.

import { hubHint } from "./docker-hub.ts";
import type { Rule } from "./rule.ts";
import { pathHint } from "./upstream-path.ts";

export function hintsOf(rule: Rule): string[] {
  return [pathHint(rule), hubHint(rule)].filter((hint) => hint !== undefined);
}
