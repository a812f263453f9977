// What a pull works with: the stores and the fills. Opened once, at the door.

import type { Fills } from "../fill/open.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { ListStore } from "../store/lists.ts";
import type { ManifestStore } from "../store/manifests.ts";
import type { TagStore } from "../store/tags.ts";
import type { Lineage } from "./lineage.ts";

export interface House {
  blobs: BlobStore;
  manifests: ManifestStore;
  tags: TagStore;
  lists: ListStore;
  lineage: Lineage;
  fills: Fills;
}
