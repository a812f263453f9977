// Prewarm schema: images, or the newest tags of a repository, that a rule fetches ahead of pulls at times of the day.

import { z } from "zod";
import { isRepositoryName, isTag } from "../oci/name.ts";
import { pattern } from "./fields.ts";

export interface Prewarmed {
  /** Minutes after midnight, in UTC. */
  at: number[];
  /** `name:tag`, without the rule's prefix. */
  references: string[];
  /** The newest of a repository's tags that match the glob `tags`. */
  newest?: { repository: string; tags: string; count: number };
  /** Undefined for the default ones: linux/amd64 and linux/arm64. */
  platforms?: string[];
  /** Fetches the images' referrers too; undefined as the rule says. */
  referrers?: boolean;
}

const TIME = /^([01]\d|2[0-3]):([0-5]\d)$/;
/** Maximum number of entries of a rule. */
const MAX_ENTRIES = 20;
/** Maximum number of references of an entry. */
const MAX_REFERENCES = 200;
/** Maximum number of newest tags of an entry. */
const MAX_NEWEST = 50;

/** Platforms that are prewarmed by default. */
export const USUAL_PLATFORMS = ["linux/amd64", "linux/arm64"];

export const platform = z
  .string()
  .regex(
    /^(all|[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9.]+)?)$/,
    'must be a platform, such as "linux/amd64", or "all"',
  );

const time = z
  .string()
  .regex(TIME, 'must be a time of day in UTC, such as "05:30"')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const reference = z.string().refine((text) => {
  const [, name = "", tag = ""] = /^(.+):([^:/]+)$/.exec(text) ?? [];
  return isRepositoryName(name) && isTag(tag);
}, 'must be an image with its tag, without the prefix, such as "library/alpine:3"');

export const prewarmEntry = z
  .strictObject({
    at: z
      .union([time, z.array(time).min(1)], {
        error: 'must be a time of day in UTC, such as "05:30", or a list of them',
      })
      .meta({
        kind: "a time of day, or a list of them",
        description: "When to fetch, in UTC, such as 05:30.",
      }),
    references: z
      .array(reference, { error: "must be a list of images with their tags" })
      .max(MAX_REFERENCES)
      .default([])
      .describe("Images with their tags, without the rule's prefix."),
    repository: z
      .string()
      .refine(isRepositoryName, "must be a repository, without the prefix")
      .optional()
      .describe("In place of references: a repository whose newest tags are fetched."),
    tags: pattern.default("*").describe("Glob over the repository's tags."),
    newest: z
      .int()
      .min(1)
      .max(MAX_NEWEST)
      .default(1)
      .describe(
        "Number of matching tags to fetch, newest first. Tags are ordered by name, with numbers compared as numbers.",
      ),
    platforms: z
      .array(platform, { error: "must be a list of platforms" })
      .min(1)
      .optional()
      .describe("Platforms of an index to fetch, or all. Default: linux/amd64 and linux/arm64."),
    referrers: z
      .boolean()
      .optional()
      .describe(
        "Fetches signatures, SBOMs and attestations of the images too. Default: as the rule's referrers.",
      ),
  })
  .transform(
    ({ at, references, repository, tags, newest, platforms, referrers }, context): Prewarmed => {
      if ((repository === undefined) === (references.length === 0))
        context.issues.push({
          code: "custom",
          path: [],
          input: undefined,
          message: "must have either references or a repository (with tags and newest)",
        });
      return {
        at: Array.isArray(at) ? at : [at],
        references,
        ...(repository !== undefined && { newest: { repository, tags, count: newest } }),
        ...(platforms && { platforms }),
        ...(referrers !== undefined && { referrers }),
      };
    },
  );

export const prewarmSchema = z
  .array(prewarmEntry, { error: "must be a list of prewarm entries" })
  .max(MAX_ENTRIES);
