// Claims of an OIDC token, checked against the conditions of AUTH. Pure.

import type { Condition } from "../config/conditions.ts";
import { wildcard } from "./wildcard.ts";

/** Whether every condition is met. For a claim that is a list, any entry suffices. */
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

function isLike(claim: unknown, pattern: string): boolean {
  return typeof claim === "string" && wildcard(pattern)(claim);
}
