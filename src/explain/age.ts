// Age step: whether the rule's minimum age holds the tag, and what is served then. Pure.

import { isDue, minimumAgeFor } from "../policy/age.ts";
import type { Source } from "../policy/source.ts";
import type { Facts } from "./facts.ts";
import { type Step, step } from "./steps.ts";
import { short, words } from "./words.ts";

export function ageSteps({ reference: { tag }, mapping, age, now }: Facts, source: Source): Step[] {
  const minimum = tag === undefined ? undefined : minimumAgeFor(source, tag);
  if (!minimum) return [];
  const needed = words(minimum.age);
  if (!mapping || !age || age.is === "open") {
    const text = `the rule's minimum age is ${needed}: the next pull finds out how old the tag's digest is`;
    return [step("age", "careful", text)];
  }
  if (age.is === "passed") {
    const text = `the tag's digest satisfies the rule's minimum age of ${needed}`;
    return [step("age", "good", text)];
  }
  const { accepted, candidate, since, until, moves } = age.hold;
  const end =
    until === undefined
      ? "until it is released, since the upstream no longer has the tag"
      : isDue(age, now)
        ? "until a check confirms it, which the next pull does"
        : `until ${new Date(until).toISOString()}, in ${words(until - now)}`;
  const often = moves > 1 ? `; it moved ${moves} times within its minimum age` : "";
  const what = `the tag "${tag}" has meant ${short(candidate)} for ${words(now - since)}, less than the rule's minimum age of ${needed}`;
  if (minimum.mode === "report")
    return [step("age", "careful", `${what}: it is served, since the rule only reports${often}`)];
  if (accepted === undefined) return [step("age", "bad", `${what}: it is refused ${end}${often}`)];
  const text = `${what}: it is held ${end}, and serves ${short(accepted)}${often}`;
  return [step("age", "careful", text)];
}

/** Whether the next pull is refused because of the tag's age. */
export function isRefusedByAge({ reference: { tag }, age, now }: Facts, source: Source): boolean {
  if (tag === undefined || minimumAgeFor(source, tag)?.mode !== "enforce") return false;
  return age?.is === "held" && age.hold.accepted === undefined && !isDue(age, now);
}
