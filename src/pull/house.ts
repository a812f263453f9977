// What a pull works with: the stores, the fills and the upstreams. Opened once, at the door.

import type { Fills } from "../fill/open.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { ManifestStore } from "../store/manifests.ts";
import type { TagStore } from "../store/tags.ts";
import type { UpstreamClient } from "../upstream/client.ts";

export interface House {
  blobs: BlobStore;
  manifests: ManifestStore;
  tags: TagStore;
  fills: Fills;
  upstream: UpstreamClient;
}
