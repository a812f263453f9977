// How a lifecycle policy is written: ECR's grammar, what it allows together, and what is ours beyond it.

import { z } from "zod";
import { pattern } from "./fields.ts";
import type { Count, LifecyclePolicy, LifecycleRule, Selection } from "./lifecycle-policy.ts";

/** ECR, "Lifecycle policy parameters": "a maximum of four wildcards". */
const MOST_WILDCARDS = 4;
const TAG_CHARACTERS = "must be of the characters that tags have";

const tagPrefix = z
  .string({ error: "must be text" })
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, `must be the start of a tag: it ${TAG_CHARACTERS}`);

const tagPattern = z
  .string({ error: "must be text" })
  .regex(
    /^[A-Za-z0-9._*-]{1,128}$/,
    `must be a pattern over tags, such as "prod*": it ${TAG_CHARACTERS}, and of *`,
  )
  .refine(
    (text) => text.split("*").length - 1 <= MOST_WILDCARDS,
    `has more than ${MOST_WILDCARDS} wildcards (*)`,
  );

const COUNT_TYPES = [
  "imageCountMoreThan",
  "sinceImagePushed",
  "sinceImagePulled",
  "totalSizeMoreThan",
] as const;
type CountType = (typeof COUNT_TYPES)[number];

/** What each count is counted in. */
export const UNITS: Record<CountType, "days" | "gigabytes" | undefined> = {
  imageCountMoreThan: undefined,
  sinceImagePushed: "days",
  sinceImagePulled: "days",
  totalSizeMoreThan: "gigabytes",
};

/** ECR's storage classes. Entrepot has one; each part of the grammar that is about the other says what happens here instead. */
const STANDARD = '"standard", the one storage class that Entrepot has';
const INSTEAD = {
  storageClass: `must be ${STANDARD}: no image is archived, so a rule about archived images has nothing to select`,
  transition: `must be "expire": Entrepot does not archive images. An image that no rule expires stays in ${STANDARD}; one that expires is deleted, and a later pull fetches it from the upstream again`,
  targetStorageClass: `must not be given: Entrepot does not move images out of ${STANDARD}`,
  sinceImageTransitioned: `cannot be "sinceImageTransitioned": no image is ever moved to another storage class here, so there is no such time. Count days from the last pull with "sinceImagePulled", or since caching with "sinceImagePushed"`,
};

export const selectionSchema = z
  .strictObject({
    tagStatus: z
      .enum(["tagged", "untagged", "any"], {
        error: 'must be "tagged", "untagged" or "any"',
      })
      .describe(
        "Which images the rule looks at. Of untagged and of any there is one rule each, and that of any is the last.",
      ),
    tagPatternList: z
      .array(tagPattern, { error: "must be a list of patterns" })
      .min(1, "must hold a pattern")
      .optional()
      .describe(
        "With tagged: patterns over tags, each of which has to match some tag of the image; * stands for any characters, four times at most.",
      ),
    tagPrefixList: z
      .array(tagPrefix, { error: "must be a list of prefixes" })
      .min(1, "must hold a prefix")
      .optional()
      .describe("With tagged, in place of patterns: beginnings, each of some tag of the image."),
    countType: z
      .enum(COUNT_TYPES, {
        error: ({ input }) =>
          input === "sinceImageTransitioned"
            ? INSTEAD.sinceImageTransitioned
            : `must be one of ${COUNT_TYPES.map((type) => `"${type}"`).join(", ")}`,
      })
      .describe(
        "What is counted. imageCountMoreThan: images of a repository, the latest stay. sinceImagePushed: days since it was cached. sinceImagePulled: days since it was pulled last. totalSizeMoreThan: gigabytes of all together, those pulled longest ago go.",
      ),
    countUnit: z
      .string({ error: 'must be "days" or "gigabytes"' })
      .optional()
      .describe("days or gigabytes, where the countType has a unit."),
    countNumber: z
      .number({ error: "must be a number" })
      .positive("must be greater than 0")
      .max(1e9, "is too large")
      .meta({ kind: "a whole number, from 1 on; of gigabytes any number above 0" })
      .describe(
        "How many images stay, or how many days (from 1 on), or gigabytes (0.5 is half of one).",
      ),
    storageClass: z
      .literal("standard", { error: INSTEAD.storageClass })
      .optional()
      .describe(
        "Accepted so that a policy of ECR's can be pasted: all that is cached is in the one class, standard.",
      ),
  })
  .transform((given, context): Selection => {
    const say = (field: keyof typeof given, message: string) =>
      void context.issues.push({ code: "custom", path: [field], input: given, message });
    const { tagStatus, tagPatternList, tagPrefixList, countType, countUnit, countNumber } = given;
    const unit = UNITS[countType];
    if (countUnit !== unit) {
      if (unit) say("countUnit", `must be "${unit}" with the countType "${countType}"`);
      else say("countUnit", `must not be given with the countType "${countType}"`);
    }
    if (unit !== "gigabytes" && !Number.isInteger(countNumber))
      say("countNumber", "must be a whole number");
    const count = { countType, countNumber } as Count;
    const lists = { tagPatternList, tagPrefixList };
    if (tagStatus !== "tagged") {
      for (const list of ["tagPatternList", "tagPrefixList"] as const)
        if (lists[list]) say(list, `must not be given with the tagStatus "${tagStatus}"`);
      return { tagStatus, ...count };
    }
    if (tagPatternList && tagPrefixList)
      say("tagPrefixList", "must not be given together with tagPatternList");
    if (tagPatternList) return { tagStatus, tagPatternList, ...count };
    if (!tagPrefixList)
      say("tagPatternList", 'is missing: the tagStatus "tagged" wants it, or tagPrefixList');
    return { tagStatus, tagPrefixList: tagPrefixList ?? [], ...count };
  });

export const policyRuleSchema = z
  .strictObject({
    rulePriority: z
      .int({ error: "must be a whole number" })
      .min(1, "must be 1 or greater")
      .max(999_999_999, "is too large")
      .describe(
        "The rule with the lowest goes first. An image that a rule's tags match is no later rule's to expire.",
      ),
    description: z
      .string({ error: "must be text" })
      .max(2000, "is too long")
      .optional()
      .describe("For people."),
    selection: selectionSchema.describe("What it expires."),
    action: z
      .strictObject({
        type: z
          .literal("expire", {
            error: ({ input }) =>
              input === "transition" ? INSTEAD.transition : 'must be "expire"',
          })
          .describe(
            "expire: the image is deleted here, after its grace. ECR's transition is refused.",
          ),
        targetStorageClass: z.never({ error: INSTEAD.targetStorageClass }).optional(),
      })
      .describe("What is done."),
  })
  .transform(({ rulePriority, description, selection }): LifecycleRule => {
    return { priority: rulePriority, ...(description && { description }), selection };
  });

/** A glob over repositories. */
const name = pattern.refine((text) => !text.includes(":"), "must not speak of tags");

export const policySchema = z
  .strictObject({
    repositories: z
      .array(name, { error: 'must be a list of globs over repositories, such as ["team/*"]' })
      .min(1, "must hold a glob: an empty list would match nothing")
      .optional()
      .describe(
        "Globs over repositories, as clients name them; without it, all. Of a list of policies the first counts that speaks of a repository. Beyond ECR's grammar.",
      ),
    protect: z
      .array(pattern, { error: 'must be a list of globs, such as ["library/*:stable"]' })
      .default([])
      .describe("Globs over names, or names and tags, that no rule expires. Beyond ECR's grammar."),
    rules: z
      .array(policyRuleSchema, { error: "must be a list of rules" })
      .describe("What expires; none: nothing."),
  })
  .transform((given, context): LifecyclePolicy => {
    const say = (index: number, field: string[], message: string) =>
      void context.issues.push({
        code: "custom",
        path: ["rules", index, ...field],
        input: given,
        message,
      });
    compared(given.rules, say);
    const { repositories, protect } = given;
    const rules = given.rules.toSorted((a, b) => a.priority - b.priority);
    return { ...(repositories && { repositories }), protect, rules };
  });

/** What rules must not have in common, as ECR has it. */
function compared(
  rules: readonly LifecycleRule[],
  say: (index: number, field: string[], message: string) => void,
): void {
  const seen = new Map<string, number>();
  const once = (
    key: string,
    index: number,
    field: string[],
    message: (first: number) => string,
  ) => {
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else say(index, field, message(first));
  };
  const highest = Math.max(...rules.map(({ priority }) => priority));
  rules.forEach(({ priority, selection }, index) => {
    once(`priority ${priority}`, index, ["rulePriority"], (first) => {
      return `must be unique, and rules[${first}] has ${priority} already`;
    });
    const { tagStatus } = selection;
    if (tagStatus === "any" && priority < highest)
      say(index, ["rulePriority"], 'must be the highest of all: the tagStatus is "any"');
    if (tagStatus !== "tagged") {
      once(tagStatus, index, ["selection", "tagStatus"], (first) => {
        return `must be "${tagStatus}" in one rule only, and is in rules[${first}] already`;
      });
      return;
    }
    const [field, list] =
      "tagPatternList" in selection
        ? ["tagPatternList", selection.tagPatternList]
        : ["tagPrefixList", selection.tagPrefixList];
    once(`${field} ${list.toSorted().join()}`, index, ["selection", field], (first) => {
      return `must be another than that of rules[${first}]`;
    });
  });
}
