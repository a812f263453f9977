// Pull services: the stores, fills and reports that a pull uses, built once in services.ts.

import type { Catalog } from "../catalog/contract.ts";
import type { Fills } from "../fill/contract.ts";
import type { ListStore } from "../store/lists.ts";
import type { NearBlobs } from "../store/near-blobs.ts";
import type { NearManifests } from "../store/near-manifests.ts";
import type { NearTags } from "../store/near-tags.ts";
import type { Admission } from "./admission/admission.ts";
import type { VulnerabilityCheck } from "./admission/vulnerabilities.ts";
import type { Lineage } from "./lineage.ts";
import type { Links } from "./links.ts";
import type { Reports } from "./reports.ts";
import type { Served } from "./served.ts";

export interface PullServices {
  blobs: NearBlobs;
  manifests: NearManifests;
  tags: NearTags;
  lists: ListStore;
  admission: Admission;
  vulnerabilities: VulnerabilityCheck;
  lineage: Lineage;
  links: Links;
  fills: Fills;
  catalog: Pick<Catalog, "leading" | "parents">;
  served: Served;
  reports: Reports;
}
