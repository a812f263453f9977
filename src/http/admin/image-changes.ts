// API routes that change cached images: deletion, and pins, which keep an image from expiring.

import type { Context } from "hono";
import { imageReference } from "../../api/fields.ts";
import { deleted, deleteQuery, pinned } from "../../api/images.ts";
import type { Doomed, Removing } from "../../catalog/sweep/contract.ts";
import type { Source } from "../../policy/source.ts";
import { type Visitor, visitorOf } from "../registry/registry-auth.ts";
import type { Admin } from "./admin.ts";
import { type ImageServices, notHere, sourceNamed } from "./image-named.ts";
import { ApiProblem } from "./problem.ts";
import { type Api, add } from "./routes.ts";

export function addImageChanges(api: Api, services: ImageServices, admin: Admin): void {
  const { catalog, config } = services;
  add(
    api,
    {
      method: "delete",
      path: "/images",
      summary:
        "Deletes a tag (and the image, if it was its last tag), or by digest an image with all its tags",
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
      // Noted before the tags are deleted: a client that is interrupted here repeats the request, which continues.
      await admin.note(request, `deleted ${named.text}`);
      const { tags, waiting } = await removeTags(
        services,
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
      summary:
        "Pins an image, so that no policy expires it; a pinned tag protects the image it points to at the time",
      query: { reference: imageReference },
      answer: pinned,
      problems: [404, 409],
    },
    async ({ reference: text }, context: Context) => {
      const { request, url, now } = visitorOf(context);
      const named = sourceNamed(config(), text, url.host);
      const { tag, digest } = named.reference;
      await admin.note(request, `pinned ${named.text}`);
      if (await catalog.pin(named.place, (tag ?? digest) as string, admin.who(request), now))
        return { reference: named.text, pinned: true };
      throw new ApiProblem("conflict", "there are too many pins; use a policy's `protect` instead");
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/images/pin",
      summary: "Removes a pin",
      query: { reference: imageReference },
      answer: pinned,
      problems: [404],
    },
    async ({ reference: text }, context: Context) => {
      const { request, url } = visitorOf(context);
      const named = sourceNamed(config(), text, url.host);
      const { tag, digest } = named.reference;
      await admin.note(request, `unpinned ${named.text}`);
      if (await catalog.unpin(named.place, (tag ?? digest) as string))
        return { reference: named.text, pinned: false };
      throw new ApiProblem("not-found", `${named.text} is not pinned`);
    },
  );
}

/** @returns the tags that were deleted; a tag that has moved in the meantime stays and is not listed */
async function removeTags(
  { catalog, pulls }: ImageServices,
  doomed: readonly Doomed[],
  source: Source,
  { url, now, later }: Visitor,
): Promise<{ tags: string[]; waiting: string[] }> {
  const tags: string[] = [];
  const waiting: string[] = [];
  for (const { place, tag, digest } of doomed) {
    const outcome = await pulls.fills.removeTag({ place, tag, digest });
    // Otherwise this isolate would serve it from memory for some seconds.
    pulls.tags.forget(source, tag, { host: url.host, now, later });
    if (outcome === "busy") {
      waiting.push(tag);
      continue;
    }
    const isWanted = await catalog.tagGone({ place, tag, digest }, outcome === "gone", now, 0);
    if (isWanted) await pulls.fills.restoreTag(place, tag, { digest, checkedAt: 0 });
    else if (outcome === "gone") tags.push(tag);
  }
  return { tags, waiting };
}

function refusal(text: string, why: Extract<Removing, { refused: string }>): ApiProblem {
  return new ApiProblem(
    "image-in-use",
    why.refused === "pinned"
      ? `${text}, or something that would be deleted with it, is pinned: unpin it first, or use force=true`
      : `${text} is part of ${why.by}: delete that instead`,
  );
}
