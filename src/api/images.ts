// Cached images: the list, one image in detail, and changes: deletion, pins, and asking for a tag anew.

import { z } from "@hono/zod-openapi";
import { bytes, flag, imageReference, number, time } from "./fields.ts";

const UNKNOWN_SINCE =
  "set when the catalog was rebuilt and the last pull is not known; policies count from this time";
const PULLS =
  "of this image, by its tags and its digest, in 90 days; a pull for one platform counts once, for its index";

const SORTS = ["pulled", "cached", "name", "size", "pulls"] as const;

export const imagesQuery = {
  q: z.string().max(500).optional().openapi({
    description: "part of a name or a tag, or the beginning of a digest",
  }),
  rule: z.string().max(255).optional().openapi({ description: "a rule's name" }),
  sort: z.enum(SORTS, `must be one of ${SORTS.join(", ")}`).default("pulled"),
  order: z.enum(["asc", "desc"], "must be asc or desc").optional().openapi({
    description: "default: names ascending, everything else descending",
  }),
  n: number(50, 200),
  cursor: z
    .string()
    .max(2_000)
    .optional()
    .openapi({ description: "the `next` of the previous page" }),
};

const repositoryPulls = z
  .object({
    pulls: z.int().openapi({ description: "of all images of the repository, in 90 days" }),
    unassigned: z.int().openapi({
      description: "of these, pulls counted before counts were kept by image",
    }),
  })
  .openapi("RepositoryPulls");

const image = z
  .object({
    name: z
      .string()
      .optional()
      .openapi({ description: "as clients name it; absent when no rule leads to it" }),
    rule: z.string().optional(),
    place: z.string().openapi({ description: "the upstream and the repository" }),
    digest: z.string(),
    mediaType: z.string(),
    tags: z.array(z.string()),
    platforms: z.array(z.string()).openapi({
      description:
        "from its index or its config; empty when neither is cached or neither names a platform",
    }),
    size: z.int().openapi({ description: "bytes of all its cached content" }),
    cachedAt: time,
    pulledAt: time.optional().openapi({
      description: "absent when it was never pulled, or the last pull is not known",
    }),
    unknownSince: time.optional().openapi({ description: UNKNOWN_SINCE }),
    pulls: z.int().openapi({ description: PULLS }),
    repository: repositoryPulls,
    pinned: z.boolean(),
    expiring: z.string().optional().openapi({ description: "why it is marked for deletion" }),
  })
  .openapi("Image");
export type ImageAnswer = z.infer<typeof image>;

export const images = z.object({ images: z.array(image), next: z.string().optional() });
export type ImagesAnswer = z.infer<typeof images>;

const part = z.object({
  digest: z.string(),
  mediaType: z.string(),
  size: bytes,
  here: z.boolean(),
  sharedBy: z.int().openapi({ description: "number of other manifests that name it" }),
});
export type ImagePartAnswer = z.infer<typeof part>;

const manifest = z.object({
  digest: z.string(),
  mediaType: z.string(),
  platform: z.string().optional(),
  here: z.boolean(),
  size: bytes,
  config: part
    .extend({
      created: z.string().optional().openapi({
        description: "absent when the builder recorded no date, or one before 1970",
      }),
      os: z.string().optional(),
      architecture: z.string().optional(),
      entrypoint: z.array(z.string()).optional(),
      command: z.array(z.string()).optional(),
      user: z.string().optional(),
      labels: z.record(z.string(), z.string()).optional(),
      environment: z.array(z.string()).optional().openapi({
        description: "names only: values may be secrets",
      }),
    })
    .optional(),
  layers: z.array(part).optional(),
  layersLeftOut: z.int().optional().openapi({ description: "number of layers not listed" }),
});

export const imageDetail = z
  .object({
    name: z.string(),
    rule: z.string(),
    digest: z.string(),
    mediaType: z.string(),
    cachedAt: time,
    pulledAt: time.optional(),
    unknownSince: time.optional().openapi({ description: UNKNOWN_SINCE }),
    pulls: z.int().openapi({ description: PULLS }),
    pullsByTag: z.array(z.object({ tag: z.string(), pulls: z.int() })).openapi({
      description: "by the reference that was pulled; an empty tag is the digest",
    }),
    repository: repositoryPulls,
    expiring: z.string().optional(),
    partOf: z.string().optional().openapi({ description: "an index of the repository" }),
    manifests: z.array(manifest).openapi({
      description:
        "of an index its children, followed by itself when it names blobs (as BuildKit's cache does); otherwise itself",
    }),
    size: z
      .int()
      .openapi({ description: "bytes of all cached content, shared content counted once" }),
    tags: z.array(z.object({ tag: z.string(), since: time })),
    history: z
      .array(z.object({ tag: z.string(), digest: z.string(), since: time, until: time }))
      .openapi({ description: "earlier digests of its tags" }),
    pins: z.array(z.object({ reference: z.string(), at: time, who: z.string() })).openapi({
      description: "of the repository",
    }),
    referrers: z.array(
      z.object({ digest: z.string(), artifactType: z.string().optional(), size: bytes }),
    ),
  })
  .openapi("ImageDetail");
export type ImageDetailAnswer = z.infer<typeof imageDetail>;

export const deleteQuery = { reference: imageReference, force: flag };

export const deleted = z
  .object({
    reference: z.string(),
    digest: z.string(),
    tags: z.array(z.string()).openapi({ description: "tags that were deleted" }),
    waiting: z.array(z.string()).openapi({
      description: "tags that were being checked at this moment: the next sweep deletes them",
    }),
    image: z
      .boolean()
      .openapi({ description: "the image itself was deleted, not only one of its tags" }),
    freed: z.int().openapi({
      description: "bytes that the next sweeps free, after the grace period",
    }),
  })
  .openapi("Deleted");
export type DeletedAnswer = z.infer<typeof deleted>;

export const pinned = z.object({ reference: z.string(), pinned: z.boolean() }).openapi("Pinned");
export type PinnedAnswer = z.infer<typeof pinned>;

export const refreshQuery = {
  reference: z
    .string({ error: "must be an image with a tag, such as docker.io/library/alpine:3" })
    .max(1000)
    .openapi({ example: "docker.io/library/alpine:3" }),
};

export const refreshed = z
  .object({
    reference: z.string(),
    digest: z.string(),
    before: z
      .string()
      .optional()
      .openapi({ description: "the tag's digest before, where it was known" }),
    moved: z.boolean(),
    held: z
      .object({ serves: z.string().optional(), until: time.optional() })
      .optional()
      .openapi({ description: "the digest is too young to be served; what is served instead" }),
  })
  .openapi("Refreshed");
export type RefreshedAnswer = z.infer<typeof refreshed>;
