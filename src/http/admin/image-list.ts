// The API's part about the images that are cached: a list to look through, and all that is known of one.

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Catalog } from "../../catalog/contract.ts";
import { type ListedImage, type Position, SORTS } from "../../catalog/query/contract.ts";
import type { Config } from "../../config/read.ts";
import { RegistryError } from "../../oci/error.ts";
import type { PullServices } from "../../pull/services.ts";
import { visitorOf } from "../registry/registry-auth.ts";
import { timeOf } from "../shared/answers.ts";
import { detailOf } from "./image-detail.ts";
import { imageNamed, REFERENCE } from "./image-named.ts";
import { withPlatforms } from "./listed-platforms.ts";
import { nameOf, partsOf, rootOf } from "./place-names.ts";
import { type Api, add, number, time } from "./schemas.ts";

const bytes = z.int().openapi({ description: "bytes" });

const UNKNOWN_SINCE =
  "since when it is not known when it was last pulled, as the catalog was made anew then: policies count from there";
const PULLS =
  "of this image, by its tags and its digest, in 90 days; one of a platform counts once, for its index";

const repositoryPulls = z
  .object({
    pulls: z.int().openapi({ description: "of all images of the repository, in 90 days" }),
    unassigned: z.int().openapi({
      description: "those of them that were counted before pulls were counted by image",
    }),
  })
  .openapi("RepositoryPulls");

const image = z
  .object({
    name: z
      .string()
      .optional()
      .openapi({ description: "as clients say it, where a rule leads there" }),
    rule: z.string().optional(),
    place: z.string().openapi({ description: "the upstream and the repository" }),
    digest: z.string(),
    mediaType: z.string(),
    tags: z.array(z.string()),
    platforms: z.array(z.string()).openapi({
      description:
        "as its index names them, or its config; empty where neither is here, or names one",
    }),
    size: z.int().openapi({ description: "bytes of all that it consists of and that is here" }),
    cachedAt: time,
    pulledAt: time.optional().openapi({
      description: "absent where it was cached and never pulled, or that is not known",
    }),
    unknownSince: time.optional().openapi({ description: UNKNOWN_SINCE }),
    pulls: z.int().openapi({ description: PULLS }),
    repository: repositoryPulls,
    pinned: z.boolean(),
    expiring: z.string().optional().openapi({ description: "it is marked to go, and why" }),
  })
  .openapi("Image");
export type ImageAnswer = z.infer<typeof image>;

const part = z.object({
  digest: z.string(),
  mediaType: z.string(),
  size: bytes,
  here: z.boolean(),
  sharedBy: z.int().openapi({ description: "how many other manifests lead to it" }),
});

const manifest = z.object({
  digest: z.string(),
  mediaType: z.string(),
  platform: z.string().optional(),
  here: z.boolean(),
  size: bytes,
  config: part
    .extend({
      created: z.string().optional().openapi({
        description: "absent where the builder has not recorded it: no date, or one before 1970",
      }),
      os: z.string().optional(),
      architecture: z.string().optional(),
      entrypoint: z.array(z.string()).optional(),
      command: z.array(z.string()).optional(),
      user: z.string().optional(),
      labels: z.record(z.string(), z.string()).optional(),
      environment: z.array(z.string()).optional().openapi({
        description: "names alone: values may be secrets",
      }),
    })
    .optional(),
  layers: z.array(part).optional(),
  layersLeftOut: z.int().optional().openapi({ description: "layers that are not told" }),
});

const detail = z
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
      description: "by what the image was named by; an empty tag is its digest",
    }),
    repository: repositoryPulls,
    expiring: z.string().optional(),
    partOf: z.string().optional().openapi({ description: "an index of the repository" }),
    manifests: z.array(manifest).openapi({
      description:
        "of an index its children, and then itself where it names blobs, as BuildKit's cache does; else itself",
    }),
    size: z
      .int()
      .openapi({ description: "bytes of all that is here, what is shared counted once" }),
    tags: z.array(z.object({ tag: z.string(), since: time })),
    history: z
      .array(z.object({ tag: z.string(), digest: z.string(), since: time, until: time }))
      .openapi({ description: "what its tags meant before" }),
    pins: z.array(z.object({ reference: z.string(), at: time, who: z.string() })).openapi({
      description: "of the repository",
    }),
    referrers: z.array(
      z.object({ digest: z.string(), artifactType: z.string().optional(), size: bytes }),
    ),
  })
  .openapi("ImageDetail");
export type ImageDetailAnswer = z.infer<typeof detail>;

export function addImageList(
  api: Api,
  catalog: Catalog,
  services: PullServices,
  config: () => Config,
): void {
  add(
    api,
    {
      method: "get",
      path: "/images",
      summary: "The images that are cached: searched, sorted, a page at a time",
      query: {
        q: z.string().max(500).optional().openapi({
          description: "a part of a name or a tag, or the beginning of a digest",
        }),
        rule: z.string().max(255).optional().openapi({ description: "the name of one" }),
        sort: z.enum(SORTS, `must be one of ${SORTS.join(", ")}`).default("pulled"),
        order: z.enum(["asc", "desc"], "must be asc or desc").optional().openapi({
          description: "without it, names from a on, and of all else the most first",
        }),
        n: number(50, 200),
        cursor: z.string().max(2_000).optional().openapi({ description: "the `next` of a page" }),
      },
      answer: z.object({ images: z.array(image), next: z.string().optional() }),
    },
    async ({ q, rule, sort, order, n, cursor }, context: Context) => {
      const now = config();
      const descending = (order ?? (sort === "name" ? "asc" : "desc")) === "desc";
      const by = `${sort} ${descending ? "desc" : "asc"}`;
      const after = cursor === undefined ? undefined : positionIn(cursor, by);
      const under = now.rules.filter((one) => one.rule.name === rule).map((one) => one.rule);
      if (rule !== undefined && under.length === 0) return { images: [] };
      const found = await catalog.listed({
        parts: q === undefined || q === "" ? [] : partsOf(now, q),
        places: under.map(rootOf),
        sort,
        descending,
        limit: n,
        ...(after && { after }),
      });
      if (!found) throw tooMany(sort);
      const visitor = visitorOf(context);
      const visit = { host: visitor.url.host, now: visitor.now, later: visitor.later };
      const images = await withPlatforms(services, catalog, found, visit);
      const last = found.length === n ? found.at(-1) : undefined;
      return {
        images: images.map((one) => imageTold(now, one)),
        ...(last && { next: cursorOf(last, by) }),
      };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/images/detail",
      summary:
        "One image: its manifests, layers and config, its tags and what they meant, what refers to it",
      query: { reference: REFERENCE },
      answer: detail,
      problems: [404],
    },
    async ({ reference }, context: Context) => {
      const visitor = visitorOf(context);
      const named = await imageNamed(config(), services, catalog, reference, visitor);
      return detailOf(services, catalog, named, visitor);
    },
  );
}

function imageTold(
  config: Config,
  { key: _, numbers: __, unread: ___, cachedAt, pulledAt, unknownSince, ...one }: ListedImage,
) {
  return {
    ...nameOf(config, one.place),
    ...one,
    cachedAt: timeOf(cachedAt),
    ...(pulledAt !== undefined && { pulledAt: timeOf(pulledAt) }),
    ...(unknownSince !== undefined && { unknownSince: timeOf(unknownSince) }),
  };
}

/** @param by the sort and the order that it is of */
function cursorOf({ key, numbers: { place, content } }: ListedImage, by: string): string {
  return btoa(JSON.stringify([by, key, place, content])).replaceAll("=", "");
}

const position = z.tuple([z.string(), z.union([z.string(), z.number()]), z.int(), z.int()]);

function positionIn(cursor: string, by: string): Position {
  try {
    const [of, ...after] = position.parse(JSON.parse(atob(cursor)));
    if (of === by) return after;
  } catch {
    // As any other that is none.
  }
  throw new RegistryError("UNSUPPORTED", "cursor: is none of this list's", { status: 400 });
}

function tooMany(sort: string): RegistryError {
  const message = `sort: there are too many images to sort by ${sort}: narrow them down, with q or rule`;
  return new RegistryError("UNSUPPORTED", message, { status: 400 });
}
