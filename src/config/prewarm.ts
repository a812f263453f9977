// What a rule has fetched before anybody asks: images that are named, or the newest tags of a repository, at times of the day.

import { z } from "zod";
import { isRepositoryName, isTag } from "../oci/name.ts";
import { pattern } from "./fields.ts";

export interface Prewarmed {
  /** Minutes after midnight, in UTC. */
  at: number[];
  /** `name:tag`, as they stand behind the rule's prefix. */
  references: string[];
  /** The newest of a repository's tags that match. */
  newest?: { repository: string; tags: string; count: number };
  /** Undefined: the usual ones. */
  platforms?: string[];
}

const TIME = /^([01]\d|2[0-3]):([0-5]\d)$/;
/** Of a rule, and of each entry. */
const MOST_ENTRIES = 20;
const MOST_REFERENCES = 200;
export const MOST_NEWEST = 50;

export const platform = z
  .string()
  .regex(
    /^(all|[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9.]+)?)$/,
    'must be a platform, such as "linux/amd64", or "all"',
  );

const time = z
  .string()
  .regex(TIME, 'must be a time of the day in UTC, such as "05:30"')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const reference = z.string().refine((text) => {
  const [, name = "", tag = ""] = /^(.+):([^:/]+)$/.exec(text) ?? [];
  return isRepositoryName(name) && isTag(tag);
}, 'must be an image with its tag, as it stands behind the prefix, such as "library/alpine:3"');

export const prewarmEntry = z
  .strictObject({
    at: z
      .union([time, z.array(time).min(1)], {
        error: 'must be a time of the day in UTC, such as "05:30", or a list of them',
      })
      .meta({
        kind: "a time of the day, or a list of them",
        description: "When, in UTC: 05:30, say.",
      }),
    references: z
      .array(reference, { error: "must be a list of images with their tags" })
      .max(MOST_REFERENCES)
      .default([])
      .describe("Images with their tags, as they stand behind the rule's prefix."),
    repository: z
      .string()
      .refine(isRepositoryName, "must be a repository, as it stands behind the prefix")
      .optional()
      .describe("In place of references: of this repository the newest tags."),
    tags: pattern.default("*").describe("Which of its tags, by a glob."),
    newest: z
      .int()
      .min(1)
      .max(MOST_NEWEST)
      .default(1)
      .describe("How many of them: told by their names, in which numbers count as numbers."),
    platforms: z
      .array(platform, { error: "must be a list of platforms" })
      .min(1)
      .optional()
      .describe(
        "Which platforms of an index: linux/amd64 and linux/arm64 without it; all for every one.",
      ),
  })
  .transform(({ at, references, repository, tags, newest, platforms }, context): Prewarmed => {
    if ((repository === undefined) === (references.length === 0))
      context.issues.push({
        code: "custom",
        path: [],
        input: undefined,
        message: "must name either references, or a repository with tags and newest",
      });
    return {
      at: Array.isArray(at) ? at : [at],
      references,
      ...(repository !== undefined && { newest: { repository, tags, count: newest } }),
      ...(platforms && { platforms }),
    };
  });

export const prewarmSchema = z
  .array(prewarmEntry, { error: "must be a list of what is prewarmed, and when" })
  .max(MOST_ENTRIES);
