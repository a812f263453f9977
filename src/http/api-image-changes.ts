// The API's part that changes what is cached: images are deleted, and pinned so that no policy expires them.

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Catalog } from "../catalog/open.ts";
import type { Config } from "../config/read.ts";
import { RegistryError } from "../oci/error.ts";
import type { House } from "../pull/house.ts";
import type { Admin } from "./admin.ts";
import { type Api, add, flag, type Note } from "./api-schemas.ts";
import { visitorOf } from "./door.ts";
import { notHere, REFERENCE, sourceNamed } from "./image-named.ts";

const deleted = z
  .object({
    reference: z.string(),
    digest: z.string(),
    tags: z.array(z.string()).openapi({ description: "that mean nothing here any more" }),
    image: z.boolean().openapi({ description: "the image itself, and not one of several tags" }),
    freed: z.int().openapi({ description: "bytes that the next sweeps free, after their grace" }),
  })
  .openapi("Deleted");

const pinned = z.object({ reference: z.string(), pinned: z.boolean() }).openapi("Pinned");

export function addImageChanges(
  api: Api,
  catalog: Catalog,
  house: House,
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
      query: { reference: REFERENCE, force: flag },
      answer: deleted,
      problems: [404, 409],
    },
    async ({ reference: text, force }, context: Context) => {
      const { request, url, now } = visitorOf(context);
      const named = sourceNamed(config(), text, url.host);
      const { place, reference } = named;
      const { tag, digest } = reference;
      const wanted = tag === undefined ? { digest: digest as NonNullable<typeof digest> } : { tag };
      if (!force) await refuse(catalog, place, tag, digest, named.text);
      await note(request, `deleted ${named.text}`);
      const removed = await catalog.remove(place, wanted, admin.who(request), now);
      if (!removed) throw notHere(named.text);
      const tags: string[] = [];
      for (const doomed of removed.doomed) {
        // One that is being checked at this moment is the next sweep's.
        const outcome = await house.fills.removeTag(doomed);
        if (outcome === "busy") continue;
        const isWanted = await catalog.tagGone(doomed, outcome === "gone", now, 0);
        if (isWanted)
          await house.fills.restoreTag(place, doomed.tag, { digest: doomed.digest, checkedAt: 0 });
        else tags.push(doomed.tag);
      }
      const { left, freed } = removed;
      return { reference: named.text, digest: removed.digest, tags, image: left, freed };
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/images/pin",
      summary: "Pins an image: no policy expires it; of a tag, whatever it means by then",
      query: { reference: REFERENCE },
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
      const message = "there are too many pins: a policy's `protect` is for more";
      throw new RegistryError("UNSUPPORTED", message, { status: 409 });
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/images/pin",
      summary: "Takes a pin back",
      query: { reference: REFERENCE },
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
      throw new RegistryError("MANIFEST_UNKNOWN", `${named.text} is not pinned`, { status: 404 });
    },
  );
}

/** What is pinned, or what an index needs, is not deleted by mistake. Throws 409. */
async function refuse(
  catalog: Catalog,
  place: string,
  tag: string | undefined,
  digest: Parameters<Catalog["record"]>[1] | undefined,
  text: string,
): Promise<void> {
  const record = digest === undefined ? undefined : await catalog.record(place, digest);
  const names = [tag, digest, ...(record?.tags.map((one) => one.tag) ?? [])];
  const pins = await catalog.pins(place);
  if (pins.some(({ reference }) => names.includes(reference)))
    throw conflict(`${text} is pinned: take the pin back first, or say force=true`);
  if (record?.partOf !== undefined)
    throw conflict(`${text} is a part of ${record.partOf}: delete that, or say force=true`);
}

function conflict(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", message, { status: 409 });
}
