// What the Worker is bound to (wrangler.toml). Rules and credentials are variables and secrets beside these.

import type { AccessObject } from "./access/object.ts";
import type { CatalogObject } from "./catalog/object.ts";
import type { BlobFill } from "./fill/blob/blob-fill.ts";
import type { ListFill } from "./fill/list/list-fill.ts";
import type { ManifestFill } from "./fill/manifest/manifest-fill.ts";
import type { TagFill } from "./fill/tag/tag-fill.ts";
import type { Analytics } from "./meter/analytics.ts";
import type { PrewarmObject } from "./prewarm/object.ts";
import type { UpstreamGate } from "./upstream/gate.ts";

export interface Env {
  BLOBS: R2Bucket;
  META: KVNamespace;
  BLOB_FILL: DurableObjectNamespace<BlobFill>;
  MANIFEST_FILL: DurableObjectNamespace<ManifestFill>;
  TAG_FILL: DurableObjectNamespace<TagFill>;
  LIST_FILL: DurableObjectNamespace<ListFill>;
  CATALOG: DurableObjectNamespace<CatalogObject>;
  UPSTREAM_GATE: DurableObjectNamespace<UpstreamGate>;
  ACCESS: DurableObjectNamespace<AccessObject>;
  PREWARM: DurableObjectNamespace<PrewarmObject>;
  /** Optional, both. */
  LOGINS?: Limiter;
  REQUESTS?: Limiter;
  /** Optional: Analytics Engine. */
  ANALYTICS?: Analytics;
}

/** The platform's rate limiting binding. */
export interface Limiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}
