// Composition root: builds the services of the Worker's handlers once per isolate.

import { openAccess } from "./access/open.ts";
import { openAccessServices } from "./access/services.ts";
import { openCatalog } from "./catalog/open.ts";
import type { Config } from "./config/read.ts";
import { readTimes } from "./config/times.ts";
import type { Env } from "./env.ts";
import { type Explain, openExplain } from "./explain/open.ts";
import { openFills } from "./fill/open.ts";
import type { ApiServices } from "./http/admin/api.ts";
import type { Lifecycle } from "./lifecycle/contract.ts";
import { openLifecycle } from "./lifecycle/open.ts";
import { openPrewarm } from "./prewarm/open.ts";
import { Healer } from "./pull/healing.ts";
import { Lineage } from "./pull/lineage.ts";
import { Links } from "./pull/links.ts";
import { Reports } from "./pull/reports.ts";
import { Served } from "./pull/served.ts";
import type { PullServices } from "./pull/services.ts";
import { BlobStore } from "./store/blobs.ts";
import { EdgeCache } from "./store/edge.ts";
import { InventoryStore } from "./store/inventory.ts";
import { LinkStore } from "./store/links.ts";
import { ListStore } from "./store/lists.ts";
import { ManifestStore } from "./store/manifests.ts";
import { Near } from "./store/near.ts";
import { NearBlobs } from "./store/near-blobs.ts";
import { NearLinks } from "./store/near-links.ts";
import { NearManifests } from "./store/near-manifests.ts";
import { NearTags } from "./store/near-tags.ts";
import { ProbeStore } from "./store/probe.ts";
import { TagStore } from "./store/tags.ts";
import { UpstreamClient } from "./upstream/client/client.ts";
import { openGate } from "./upstream/open.ts";

/** The services of the pull path and of the API. */
export function servicesOf(env: Env): { pull: PullServices; api: ApiServices } {
  const [catalog, access, prewarm] = [openCatalog(env), openAccess(env), openPrewarm(env)];
  const probe = new ProbeStore(env.META, env.BLOBS);
  return {
    pull: pullServicesOf(env),
    api: {
      catalog,
      accessServices: openAccessServices(access, env),
      probes: {
        META: () => probe.kv(),
        BLOBS: () => probe.r2(),
        CATALOG: () => catalog.runs(1),
        ACCESS: () => access.page(),
        PREWARM: () => prewarm.list(undefined, undefined, 1),
      },
      explain: explainOf(env),
      gate: openGate(env),
      prewarm,
      lifecycle: (config: Config) => lifecycleOf(env, config),
      ...(env.ANALYTICS && { analytics: env.ANALYTICS }),
    },
  };
}

function pullServicesOf(env: Env): PullServices {
  const manifests = new ManifestStore(env.META, env.BLOBS);
  const tags = new TagStore(env.META, env.BLOBS);
  const links = new LinkStore(env.META, env.BLOBS);
  const edge = new EdgeCache();
  const near = new Near(edge);
  const fills = openFills(env);
  const catalog = openCatalog(env);
  const { reportEvery } = readTimes({ ...env }, []); // its problems are logged with the configuration's
  return {
    blobs: new NearBlobs(near, edge, new BlobStore(env.BLOBS, env.META)),
    manifests: new NearManifests(near, manifests),
    tags: new NearTags(near, tags),
    lists: new ListStore(env.META),
    lineage: new Lineage(tags, manifests),
    links: new Links({ near: new NearLinks(near, links), store: links, manifests, catalog, fills }),
    fills,
    catalog,
    served: new Served(),
    reports: new Reports(catalog, reportEvery, new Healer(fills)),
  };
}

function explainOf(env: Env): Explain {
  return openExplain({
    access: openAccess(env),
    catalog: openCatalog(env),
    tags: new TagStore(env.META, env.BLOBS),
    manifests: new ManifestStore(env.META, env.BLOBS),
    links: new LinkStore(env.META, env.BLOBS),
    blobs: new BlobStore(env.BLOBS, env.META),
    gate: openGate(env),
  });
}

/** @param config includes the rules added through the API */
export function lifecycleOf(env: Env, config: Config): Lifecycle {
  return openLifecycle({
    catalog: openCatalog(env),
    fills: openFills(env),
    inventory: new InventoryStore(env.BLOBS),
    manifests: new ManifestStore(env.META, env.BLOBS),
    upstream: new UpstreamClient(openGate(env)),
    config,
  });
}
