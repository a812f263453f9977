// Composition root: builds the services of the Worker's handlers once per isolate.

import { openAccess } from "./access/open.ts";
import { openAccessServices } from "./access/services.ts";
import { openCatalog } from "./catalog/open.ts";
import type { Config } from "./config/read.ts";
import { readTimes } from "./config/times.ts";
import type { Env } from "./env.ts";
import { openExplain } from "./explain/open.ts";
import { openFills } from "./fill/open.ts";
import type { ApiServices } from "./http/admin/api.ts";
import { checkAges } from "./lifecycle/ageing.ts";
import type { Lifecycle } from "./lifecycle/contract.ts";
import { openLifecycle } from "./lifecycle/open.ts";
import { openPrewarm } from "./prewarm/open.ts";
import { Admission } from "./pull/admission/admission.ts";
import { VulnerabilityCheck } from "./pull/admission/vulnerabilities.ts";
import { Healer } from "./pull/healing.ts";
import { Lineage } from "./pull/lineage.ts";
import { Links } from "./pull/links.ts";
import { Reports } from "./pull/reports.ts";
import { Served } from "./pull/served.ts";
import type { PullServices } from "./pull/services.ts";
import { openScans } from "./scanning/open.ts";
import { AdmissionStore, NearAdmissions } from "./store/admissions.ts";
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
import { NearVerdicts, VerdictStore } from "./store/verdicts.ts";
import { UpstreamClient } from "./upstream/client/client.ts";
import { openGate } from "./upstream/open.ts";
import { openWebhooks } from "./webhooks/open.ts";

/** The services of the pull path and of the API. */
export function servicesOf(env: Env): { pull: PullServices; api: ApiServices } {
  const shared = sharedOf(env);
  const [access, prewarm] = [openAccess(env), openPrewarm(env)];
  const probe = new ProbeStore(env.META, env.BLOBS);
  return {
    pull: pullServicesOf(env, shared),
    api: {
      catalog: shared.catalog,
      accessServices: openAccessServices(access, env),
      probes: {
        META: () => probe.kv(),
        BLOBS: () => probe.r2(),
        CATALOG: () => shared.catalog.runs(1),
        ACCESS: () => access.page(),
        PREWARM: () => prewarm.list(undefined, undefined, 1),
      },
      explain: openExplain({ ...shared, access }),
      gate: shared.gate,
      prewarm,
      webhooks: openWebhooks(env),
      scanning: { scans: openScans(env), verdicts: shared.verdicts },
      lifecycle: (config: Config) => lifecycleOf(env, config, shared),
      ...(env.ANALYTICS && { analytics: env.ANALYTICS }),
      ...(env.AUDIT_ANALYTICS && { auditAnalytics: env.AUDIT_ANALYTICS }),
    },
  };
}

/** Stores and objects that several services work with. */
function sharedOf(env: Env) {
  return {
    manifests: new ManifestStore(env.META, env.BLOBS),
    tags: new TagStore(env.META, env.BLOBS),
    links: new LinkStore(env.META, env.BLOBS),
    blobs: new BlobStore(env.BLOBS, env.META),
    admissions: new AdmissionStore(env.META),
    verdicts: new VerdictStore(env.META, env.BLOBS),
    catalog: openCatalog(env),
    fills: openFills(env),
    gate: openGate(env),
  };
}

type Shared = ReturnType<typeof sharedOf>;

function pullServicesOf(env: Env, shared: Shared): PullServices {
  const { manifests, tags, links, blobs, admissions, verdicts, catalog, fills } = shared;
  const edge = new EdgeCache();
  const near = new Near(edge);
  const { reportEvery } = readTimes({ ...env }, []); // its problems are logged with the configuration's
  return {
    blobs: new NearBlobs(near, edge, blobs),
    manifests: new NearManifests(near, manifests),
    tags: new NearTags(near, tags),
    lists: new ListStore(env.META),
    admission: new Admission(new NearAdmissions(near, admissions)),
    vulnerabilities: new VulnerabilityCheck(new NearVerdicts(near, verdicts)),
    lineage: new Lineage(tags, manifests),
    links: new Links({ near: new NearLinks(near, links), store: links, manifests, catalog, fills }),
    fills,
    catalog,
    served: new Served(),
    reports: new Reports(catalog, reportEvery, new Healer(fills)),
  };
}

/** @param config includes the rules added through the API */
export function lifecycleOf(env: Env, config: Config, shared = sharedOf(env)): Lifecycle {
  const { catalog, fills, manifests, gate } = shared;
  return openLifecycle({
    catalog,
    fills,
    inventory: new InventoryStore(env.BLOBS),
    manifests,
    upstream: new UpstreamClient(gate),
    config,
  });
}

/** Checks tags whose age counts.
 * @param config includes the rules added through the API
 * @param now in ms since the epoch */
export function checkAgesIn(env: Env, config: Config, now: number) {
  const { catalog, fills } = sharedOf(env);
  return checkAges({ catalog, fills, config }, now);
}
