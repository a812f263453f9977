// API routes for cached images: the searchable list, and the detail of one image.

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { imageReference } from "../../api/fields.ts";
import { type ImageAnswer, imageDetail, images, imagesQuery } from "../../api/images.ts";
import type { ListedImage, Position } from "../../catalog/query/contract.ts";
import type { Config } from "../../config/read.ts";
import { visitorOf } from "../registry/registry-auth.ts";
import { timeOf } from "../shared/answers.ts";
import { detailOf } from "./image-detail.ts";
import { type ImageServices, imageNamed } from "./image-named.ts";
import { withPlatforms } from "./listed-platforms.ts";
import { nameOf, partsOf, rootOf } from "./place-names.ts";
import { type ApiProblem, invalid } from "./problem.ts";
import { type Api, add } from "./routes.ts";

export function addImageList(api: Api, services: ImageServices): void {
  const { catalog, pulls, config } = services;
  add(
    api,
    {
      method: "get",
      path: "/images",
      summary: "Lists cached images: searched, sorted and paged",
      query: imagesQuery,
      answer: images,
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
      const listed = await withPlatforms(pulls, catalog, found, visit);
      const last = found.length === n ? found.at(-1) : undefined;
      return {
        images: listed.map((one) => imageAnswer(now, one)),
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
        "Returns one image: manifests, layers, config, tags and their history, and referrers",
      query: { reference: imageReference },
      answer: imageDetail,
      problems: [404],
    },
    async ({ reference }, context: Context) => {
      const visitor = visitorOf(context);
      const named = await imageNamed(services, reference, visitor);
      return detailOf(pulls, catalog, named, visitor);
    },
  );
}

function imageAnswer(
  config: Config,
  { key: _, numbers: __, unread: ___, cachedAt, pulledAt, unknownSince, ...one }: ListedImage,
): ImageAnswer {
  return {
    ...nameOf(config, one.place),
    ...one,
    cachedAt: timeOf(cachedAt),
    ...(pulledAt !== undefined && { pulledAt: timeOf(pulledAt) }),
    ...(unknownSince !== undefined && { unknownSince: timeOf(unknownSince) }),
  };
}

/** @param by the sort and order of the list that the cursor belongs to */
function cursorOf({ key, numbers: { place, content } }: ListedImage, by: string): string {
  return btoa(JSON.stringify([by, key, place, content])).replaceAll("=", "");
}

const position = z.tuple([z.string(), z.union([z.string(), z.number()]), z.int(), z.int()]);

function positionIn(cursor: string, by: string): Position {
  try {
    const [of, ...after] = position.parse(JSON.parse(atob(cursor)));
    if (of === by) return after;
  } catch {
    // Refused below, like a cursor of another list.
  }
  throw invalid("cursor: does not belong to this list");
}

function tooMany(sort: string): ApiProblem {
  return invalid(
    `sort: there are too many images to sort by ${sort}; narrow the list with q or rule`,
  );
}
