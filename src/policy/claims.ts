// Claims of an OIDC token against the conditions that AUTH sets them. Pure.

import type { Condition } from "../config/conditions.ts";

/** Whether every condition is met. A claim that is a list meets it with any of its entries. */
export function meetsAll(
  claims: Readonly<Record<string, unknown>>,
  conditions: Readonly<Record<string, Condition>>,
): boolean {
  return Object.entries(conditions).every(
    ([name, condition]) => Object.hasOwn(claims, name) && meets(claims[name], condition),
  );
}

function meets(claim: unknown, condition: Condition): boolean {
  if (Array.isArray(condition)) return condition.some((one) => meets(claim, one));
  if (Array.isArray(claim))
    return claim.some((one) => !Array.isArray(one) && meets(one, condition));
  if (typeof condition === "object")
    return (
      typeof claim === "object" &&
      claim !== null &&
      meetsAll(claim as Record<string, unknown>, condition)
    );
  if (typeof condition === "string") return isLike(claim, condition);
  return claim === condition;
}

/** `*` stands for any characters, `/` and `:` among them: subjects are full of those. In a time that is linear in the text. */
export function isLike(text: unknown, pattern: string): boolean {
  if (typeof text !== "string") return false;
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
