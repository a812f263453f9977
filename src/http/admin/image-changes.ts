// The API's part that changes what is cached: images are deleted, and pinned so that no policy expires them.

import type { Context } from "hono";
import { imageReference } from "../../api/fields.ts";
import { deleted, deleteQuery, pinned } from "../../api/images.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { Doomed, Removing } from "../../catalog/sweep/contract.ts";
import type { Config } from "../../config/read.ts";
import type { Source } from "../../policy/source.ts";
import type { PullServices } from "../../pull/services.ts";
import { type Visitor, visitorOf } from "../registry/registry-auth.ts";
import type { Admin } from "./admin.ts";
import { notHere, sourceNamed } from "./image-named.ts";
import { ApiProblem } from "./problem.ts";
import { type Api, add, type Note } from "./routes.ts";

export function addImageChanges(
  api: Api,
  catalog: Catalog,
  services: PullServices,
  config: () => Config,
  admin: Admin,
  note: Note,
): void {
  add(
    api,
    {
      method: "delete",
      path: "/images",
      summary:
        "Deletes a tag, with its last tag the image, or by its digest an image with all its tags",
      query: deleteQuery,
      answer: deleted,
      problems: [404, 409],
    },
    async ({ reference: text, force }, context: Context) => {
      const { request, url, now } = visitorOf(context);
      const named = sourceNamed(config(), text, url.host);
      const { place, reference } = named;
      const { tag, digest } = reference;
      const wanted = tag === undefined ? { digest: digest as NonNullable<typeof digest> } : { tag };
      const who = admin.who(request);
      const removed = await catalog.remove(place, wanted, who, force === true, now);
      if (!removed) throw notHere(named.text);
      if ("refused" in removed) throw refusal(named.text, removed);
      // Said before the tags go: whoever is broken off here says it again, and goes on.
      await note(request, `deleted ${named.text}`);
      const { tags, waiting } = await removeTags(
        services,
        catalog,
        removed.doomed,
        named.source,
        visitorOf(context),
      );
      const { left, freed } = removed;
      return { reference: named.text, digest: removed.digest, tags, waiting, image: left, freed };
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/images/pin",
      summary: "Pins an image: no policy expires it; of a tag, whatever it means by then",
      query: { reference: imageReference },
      answer: pinned,
      problems: [404, 409],
    },
    async ({ reference: text }, context: Context) => {
      const { request, url, now } = visitorOf(context);
      const named = sourceNamed(config(), text, url.host);
      const { tag, digest } = named.reference;
      await note(request, `pinned ${named.text}`);
      if (await catalog.pin(named.place, (tag ?? digest) as string, admin.who(request), now))
        return { reference: named.text, pinned: true };
      throw new ApiProblem("conflict", "there are too many pins: a policy's `protect` is for more");
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/images/pin",
      summary: "Takes a pin back",
      query: { reference: imageReference },
      answer: pinned,
      problems: [404],
    },
    async ({ reference: text }, context: Context) => {
      const { request, url } = visitorOf(context);
      const named = sourceNamed(config(), text, url.host);
      const { tag, digest } = named.reference;
      await note(request, `took the pin of ${named.text} back`);
      if (await catalog.unpin(named.place, (tag ?? digest) as string))
        return { reference: named.text, pinned: false };
      throw new ApiProblem("not-found", `${named.text} is not pinned`);
    },
  );
}

/** @returns those that have gone; what has moved meanwhile stays, and is not told */
async function removeTags(
  services: PullServices,
  catalog: Catalog,
  doomed: readonly Doomed[],
  source: Source,
  { url, now, later }: Visitor,
): Promise<{ tags: string[]; waiting: string[] }> {
  const tags: string[] = [];
  const waiting: string[] = [];
  for (const { place, tag, digest } of doomed) {
    const outcome = await services.fills.removeTag({ place, tag, digest });
    // Else this isolate's memory would serve it for some seconds more.
    services.tags.forget(source, tag, { host: url.host, now, later });
    if (outcome === "busy") {
      waiting.push(tag);
      continue;
    }
    const isWanted = await catalog.tagGone({ place, tag, digest }, outcome === "gone", now, 0);
    if (isWanted) await services.fills.restoreTag(place, tag, { digest, checkedAt: 0 });
    else if (outcome === "gone") tags.push(tag);
  }
  return { tags, waiting };
}

function refusal(text: string, why: Extract<Removing, { refused: string }>): ApiProblem {
  return new ApiProblem(
    "image-in-use",
    why.refused === "pinned"
      ? `${text} is pinned, or something is that goes along with it: take the pin back first, or say force=true`
      : `${text} is a part of ${why.by}, and stays as long as that: delete that`,
  );
}
