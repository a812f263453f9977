// Near manifests: reads manifests for client requests, from the nearest copy, and keeps a nearer copy.

import { algorithmOf, type Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash.ts";
import { manifestKvKey } from "./keys.ts";
import type { Manifest, ManifestStore } from "./manifests.ts";
import { type Form, type Found, JUST_FETCHED, type Near, type NearKey } from "./near.ts";
import type { ReadVisit } from "./visit.ts";

export class NearManifests {
  readonly #near: Near;
  readonly #store: ManifestStore;

  constructor(near: Near, store: ManifestStore) {
    this.#near = near;
    this.#store = store;
  }

  get(digest: Digest, visit: ReadVisit): Promise<Found<Manifest> | undefined> {
    return this.#near.get(nearKey(digest), visit, async () => {
      const near = await this.#store.getNear(digest);
      if (near) return { value: near, layer: "kv" };
      const stored = await this.#store.getStored(digest);
      return stored && { value: stored, layer: "r2", seconds: JUST_FETCHED };
    });
  }

  /** Keeps a manifest that was just fetched. */
  keep(manifest: Manifest, visit: ReadVisit): void {
    this.#near.keep(nearKey(manifest.digest), manifest, visit, JUST_FETCHED);
  }
}

function nearKey(digest: Digest): NearKey<Manifest> {
  return { key: manifestKvKey(digest), form: formOf(digest) };
}

function formOf(digest: Digest): Form<Manifest> {
  return {
    encode: ({ bytes, mediaType }) => ({ bytes, contentType: mediaType }),
    decode: async (response) => {
      const mediaType = response.headers.get("content-type") ?? "";
      const bytes = new Uint8Array(await response.arrayBuffer());
      const isIntact = digestOf(bytes, algorithmOf(digest)) === digest;
      return isIntact ? { digest, mediaType, bytes } : undefined;
    },
  };
}
