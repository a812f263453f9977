// The Worker: wiring only.

import type { Hono } from "hono";
import type { Env } from "./env.ts";
import { openFills } from "./fill/open.ts";
import { createApp } from "./http/app.ts";
import { Lineage } from "./pull/lineage.ts";
import { BlobStore } from "./store/blobs.ts";
import { ListStore } from "./store/lists.ts";
import { ManifestStore } from "./store/manifests.ts";
import { TagStore } from "./store/tags.ts";

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
      const house = {
        blobs: new BlobStore(env.BLOBS),
        manifests,
        tags,
        lists: new ListStore(env.META),
        lineage: new Lineage(tags, manifests),
        fills: openFills(env),
      };
      app = createApp({ ...env }, house);
      apps.set(env, app);
    }
    return app.fetch(request, env, context);
  },
} satisfies ExportedHandler<Env>;
