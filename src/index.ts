// The Worker: wiring only.

import type { Hono } from "hono";
import type { Env } from "./env.ts";
import { openFills } from "./fill/open.ts";
import { createApp } from "./http/app.ts";
import { BlobStore } from "./store/blobs.ts";
import { ManifestStore } from "./store/manifests.ts";
import { TagStore } from "./store/tags.ts";
import { UpstreamClient } from "./upstream/client.ts";
import { openGate } from "./upstream/gate.ts";

export { BlobFill } from "./fill/blob-fill.ts";
export { ManifestFill } from "./fill/manifest-fill.ts";
export { TagFill } from "./fill/tag-fill.ts";
export { UpstreamGate } from "./upstream/gate.ts";

/** One app an isolate: the configuration is parsed, and complained about, once. */
const apps = new WeakMap<object, Hono>();

export default {
  fetch(request, env) {
    let app = apps.get(env);
    if (!app) {
      const house = {
        blobs: new BlobStore(env.BLOBS),
        manifests: new ManifestStore(env.META, env.BLOBS),
        tags: new TagStore(env.META),
        fills: openFills(env),
        upstream: new UpstreamClient(openGate(env.UPSTREAM_GATE)),
      };
      app = createApp({ ...env }, house);
      apps.set(env, app);
    }
    return app.fetch(request);
  },
} satisfies ExportedHandler<Env>;
