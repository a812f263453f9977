// Zod issues as messages that begin with the field's path.

import type { z } from "zod";

/** @param base path of the parsed value
 * @param whole what has the fields, in words, such as "a rule" */
export function describe(base: string, issue: z.core.$ZodIssue, whole: string): string[] {
  const path = base + pathOf(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => `${path}.${key}: is not a field of ${whole}`);
  return [`${path}: ${issue.message}`];
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
}
