// Lifecycle policy schema: ECR's grammar with its constraints between fields and rules, and Entrepot's extensions.

import { z } from "zod";
import { pattern } from "./fields.ts";
import type { Count, LifecyclePolicy, LifecycleRule, Selection } from "./lifecycle-policy.ts";

/** ECR, "Lifecycle policy parameters": "a maximum of four wildcards". */
const MAX_WILDCARDS = 4;
const TAG_CHARACTERS = "may contain only characters that tags may have";

const tagPrefix = z
  .string({ error: "must be a string" })
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, `must be a prefix of tags: it ${TAG_CHARACTERS}`);

const tagPattern = z
  .string({ error: "must be a string" })
  .regex(
    /^[A-Za-z0-9._*-]{1,128}$/,
    `must be a pattern over tags, such as "prod*": it ${TAG_CHARACTERS}, and *`,
  )
  .refine(
    (text) => text.split("*").length - 1 <= MAX_WILDCARDS,
    `has more than ${MAX_WILDCARDS} wildcards (*)`,
  );

const COUNT_TYPES = [
  "imageCountMoreThan",
  "sinceImagePushed",
  "sinceImagePulled",
  "totalSizeMoreThan",
] as const;
type CountType = (typeof COUNT_TYPES)[number];

/** The `countUnit` of each `countType`. */
export const UNITS: Record<CountType, "days" | "gigabytes" | undefined> = {
  imageCountMoreThan: undefined,
  sinceImagePushed: "days",
  sinceImagePulled: "days",
  totalSizeMoreThan: "gigabytes",
};

/** Messages for ECR's storage classes: Entrepot has one, and each message about the other says what happens instead. */
const STANDARD = '"standard", the only storage class of Entrepot';
const INSTEAD = {
  storageClass: `must be ${STANDARD}: no image is archived, so a rule about archived images has nothing to select`,
  transition: `must be "expire": Entrepot does not archive images. An image that no rule expires stays in ${STANDARD}; one that expires is deleted, and a later pull fetches it from the upstream again`,
  targetStorageClass: `must not be given: Entrepot does not move images out of ${STANDARD}`,
  sinceImageTransitioned: `cannot be "sinceImageTransitioned": Entrepot does not move images to another storage class. Use "sinceImagePulled" for days since the last pull, or "sinceImagePushed" for days since caching`,
};

export const selectionSchema = z
  .strictObject({
    tagStatus: z
      .enum(["tagged", "untagged", "any"], {
        error: 'must be "tagged", "untagged" or "any"',
      })
      .describe(
        "Images that the rule selects. At most one rule each for untagged and any; the rule for any must be the last.",
      ),
    tagPatternList: z
      .array(tagPattern, { error: "must be a list of patterns" })
      .min(1, "must contain at least one pattern")
      .optional()
      .describe(
        "With tagged: patterns over tags, each of which must match some tag of the image. * matches any characters; at most four in a pattern.",
      ),
    tagPrefixList: z
      .array(tagPrefix, { error: "must be a list of prefixes" })
      .min(1, "must contain at least one prefix")
      .optional()
      .describe(
        "With tagged, in place of patterns: prefixes, each of which must match some tag of the image.",
      ),
    countType: z
      .enum(COUNT_TYPES, {
        error: ({ input }) =>
          input === "sinceImageTransitioned"
            ? INSTEAD.sinceImageTransitioned
            : `must be one of ${COUNT_TYPES.map((type) => `"${type}"`).join(", ")}`,
      })
      .describe(
        "Limit that the rule applies. imageCountMoreThan: images in a repository; the newest are kept. sinceImagePushed: days since the image was cached. sinceImagePulled: days since its last pull. totalSizeMoreThan: gigabytes in total; the least recently pulled expire first.",
      ),
    countUnit: z
      .string({ error: 'must be "days" or "gigabytes"' })
      .optional()
      .describe("Unit of countNumber: days or gigabytes, if the countType has one."),
    countNumber: z
      .number({ error: "must be a number" })
      .positive("must be greater than 0")
      .max(1e9, "is too large")
      .meta({ kind: "a whole number of at least 1; for gigabytes any number above 0" })
      .describe(
        "Number of images to keep, of days (at least 1), or of gigabytes (fractions allowed, such as 0.5).",
      ),
    storageClass: z
      .literal("standard", { error: INSTEAD.storageClass })
      .optional()
      .describe(
        "Accepted so that an ECR policy can be pasted. All cached images are in the one class, standard.",
      ),
  })
  .transform((given, context): Selection => {
    const report = (field: keyof typeof given, message: string) =>
      void context.issues.push({ code: "custom", path: [field], input: given, message });
    const { tagStatus, tagPatternList, tagPrefixList, countType, countUnit, countNumber } = given;
    const unit = UNITS[countType];
    if (countUnit !== unit) {
      if (unit) report("countUnit", `must be "${unit}" with the countType "${countType}"`);
      else report("countUnit", `must not be given with the countType "${countType}"`);
    }
    if (unit !== "gigabytes" && !Number.isInteger(countNumber))
      report("countNumber", "must be a whole number");
    const count = { countType, countNumber } as Count;
    const lists = { tagPatternList, tagPrefixList };
    if (tagStatus !== "tagged") {
      for (const list of ["tagPatternList", "tagPrefixList"] as const)
        if (lists[list]) report(list, `must not be given with the tagStatus "${tagStatus}"`);
      return { tagStatus, ...count };
    }
    if (tagPatternList && tagPrefixList)
      report("tagPrefixList", "must not be given together with tagPatternList");
    if (tagPatternList) return { tagStatus, tagPatternList, ...count };
    if (!tagPrefixList)
      report("tagPatternList", 'is missing: the tagStatus "tagged" requires it or tagPrefixList');
    return { tagStatus, tagPrefixList: tagPrefixList ?? [], ...count };
  });

export const policyRuleSchema = z
  .strictObject({
    rulePriority: z
      .int({ error: "must be a whole number" })
      .min(1, "must be 1 or greater")
      .max(999_999_999, "is too large")
      .describe(
        "Order of evaluation, lowest first. An image whose tags match a rule is not expired by a later rule.",
      ),
    description: z
      .string({ error: "must be a string" })
      .max(2000, "is too long")
      .optional()
      .describe("Free text, for readers of the policy."),
    selection: selectionSchema.describe("Images that the rule expires."),
    action: z
      .strictObject({
        type: z
          .literal("expire", {
            error: ({ input }) =>
              input === "transition" ? INSTEAD.transition : 'must be "expire"',
          })
          .describe(
            "expire: the image is deleted from the cache after its grace period. ECR's transition is rejected.",
          ),
        targetStorageClass: z.never({ error: INSTEAD.targetStorageClass }).optional(),
      })
      .describe("Action on expired images."),
  })
  .transform(({ rulePriority, description, selection }): LifecycleRule => {
    return { priority: rulePriority, ...(description && { description }), selection };
  });

/** A glob over repositories. */
const name = pattern.refine(
  (text) => !text.includes(":"),
  "must be a glob over names, without a tag",
);

export const policySchema = z
  .strictObject({
    repositories: z
      .array(name, { error: 'must be a list of globs over repositories, such as ["team/*"]' })
      .min(1, "must contain at least one glob: an empty list would match nothing")
      .optional()
      .describe(
        "Globs over repositories, as clients name them. Default: all. In a list of policies, the first that matches a repository applies. An extension of ECR's grammar.",
      ),
    protect: z
      .array(pattern, { error: 'must be a list of globs, such as ["library/*:stable"]' })
      .default([])
      .describe(
        "Globs over names, or names and tags, that no rule expires. An extension of ECR's grammar.",
      ),
    rules: z
      .array(policyRuleSchema, { error: "must be a list of rules" })
      .describe("Rules of the policy. An empty list expires nothing."),
  })
  .transform((given, context): LifecyclePolicy => {
    const report = (index: number, field: string[], message: string) =>
      void context.issues.push({
        code: "custom",
        path: ["rules", index, ...field],
        input: given,
        message,
      });
    compareRules(given.rules, report);
    const { repositories, protect } = given;
    const rules = given.rules.toSorted((a, b) => a.priority - b.priority);
    return { ...(repositories && { repositories }), protect, rules };
  });

/** Reports what ECR forbids between the rules of one policy: equal priorities, statuses or tag lists. */
function compareRules(
  rules: readonly LifecycleRule[],
  report: (index: number, field: string[], message: string) => void,
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
    else report(index, field, message(first));
  };
  const highest = Math.max(...rules.map(({ priority }) => priority));
  rules.forEach(({ priority, selection }, index) => {
    once(`priority ${priority}`, index, ["rulePriority"], (first) => {
      return `must be unique: rules[${first}] already has ${priority}`;
    });
    const { tagStatus } = selection;
    if (tagStatus === "any" && priority < highest)
      report(index, ["rulePriority"], 'must be the highest of all: the tagStatus is "any"');
    if (tagStatus !== "tagged") {
      once(tagStatus, index, ["selection", "tagStatus"], (first) => {
        return `must be "${tagStatus}" in one rule only: rules[${first}] already has it`;
      });
      return;
    }
    const [field, list] =
      "tagPatternList" in selection
        ? ["tagPatternList", selection.tagPatternList]
        : ["tagPrefixList", selection.tagPrefixList];
    once(`${field} ${list.toSorted().join()}`, index, ["selection", field], (first) => {
      return `must differ from that of rules[${first}]`;
    });
  });
}
