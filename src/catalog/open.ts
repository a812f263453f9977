// Catalog client: calls to the catalog's one Durable Object.

import { remote } from "../platform/rpc.ts";
import type { Catalog, CatalogBindings } from "./contract.ts";

export function openCatalog({ CATALOG }: CatalogBindings): Catalog {
  return remote<Catalog>(CATALOG, "catalog");
}
