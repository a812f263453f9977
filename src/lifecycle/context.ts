// Sweep context: the stores and services that the lifecycle uses, built once in services.ts.

import type { Catalog } from "../catalog/contract.ts";
import type { Config } from "../config/read.ts";
import type { Fills } from "../fill/contract.ts";
import { observed } from "../platform/observed.ts";
import type { InventoryStore } from "../store/inventory.ts";
import type { ManifestStore } from "../store/manifests.ts";
import type { UpstreamClient } from "../upstream/client/client.ts";

export interface SweepContext {
  catalog: Catalog;
  fills: Pick<
    Fills,
    "removeTag" | "removeManifest" | "removeBlob" | "removeAttempt" | "restoreTag"
  >;
  inventory: Pick<InventoryStore, "manifests" | "tags" | "blobs">;
  manifests: Pick<ManifestStore, "getStored">;
  upstream: Pick<UpstreamClient, "headManifest" | "manifest">;
  config: Pick<Config, "rules" | "lifecycle" | "lifecycleGrace">;
}

/** The same context with every call counted, since a run's subrequests are limited. */
export function counted(context: SweepContext, count: () => void): SweepContext {
  const { catalog, fills, inventory, manifests, upstream, config } = context;
  return {
    catalog: observed(catalog, count),
    fills: observed(fills, count),
    inventory: observed(inventory, count),
    manifests: observed(manifests, count),
    upstream: observed(upstream, count),
    config,
  };
}
