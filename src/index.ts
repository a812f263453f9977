// The Worker: wiring only.

import type { Hono } from "hono";
import type { Env } from "./env.ts";
import { openFills } from "./fill/open.ts";
import { createApp } from "./http/app.ts";
import { Lineage } from "./pull/lineage.ts";
import { Served } from "./pull/served.ts";
import { BlobStore } from "./store/blobs.ts";
import { EdgeCache } from "./store/edge.ts";
import { ListStore } from "./store/lists.ts";
import { ManifestStore } from "./store/manifests.ts";
import { Near } from "./store/near.ts";
import { NearBlobs } from "./store/near-blobs.ts";
import { NearManifests } from "./store/near-manifests.ts";
import { NearTags } from "./store/near-tags.ts";
import { TagStore } from "./store/tags.ts";

export { CatalogObject } from "./catalog/object.ts";
export { BlobFill } from "./fill/blob-fill.ts";
export { ListFill } from "./fill/list-fill.ts";
export { ManifestFill } from "./fill/manifest-fill.ts";
export { TagFill } from "./fill/tag-fill.ts";
export { UpstreamGate } from "./upstream/gate.ts";

/** One app an isolate: the configuration is parsed, and complained about, once. */
const apps = new WeakMap<object, Hono>();

export default {
  fetch(request, env, context) {
    let app = apps.get(env);
    if (!app) {
      const manifests = new ManifestStore(env.META, env.BLOBS);
      const tags = new TagStore(env.META, env.BLOBS);
      const edge = new EdgeCache();
      const near = new Near(edge);
      const house = {
        blobs: new NearBlobs(near, edge, new BlobStore(env.BLOBS, env.META)),
        manifests: new NearManifests(near, manifests),
        tags: new NearTags(near, tags),
        lists: new ListStore(env.META),
        lineage: new Lineage(tags, manifests),
        fills: openFills(env),
        served: new Served(),
      };
      app = createApp({ ...env }, house);
      apps.set(env, app);
    }
    return app.fetch(request, env, context);
  },
} satisfies ExportedHandler<Env>;
