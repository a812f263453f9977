// The catalog: the one Durable Object that knows what is cached, how large it is, when it was pulled last and what refers to it.
// Off the hot path: it is told, and the sweep and its previews ask it.

import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type { Outcome } from "../oci/error.ts";
import type { Catalog } from "./open.ts";

/** The catalog's calls as they are on their way. */
type Calls = {
  [Method in keyof Catalog]: (
    ...args: Parameters<Catalog[Method]>
  ) => Promise<Outcome<Awaited<ReturnType<Catalog[Method]>>>>;
};

export class CatalogObject extends DurableObject<Env> {}
export interface CatalogObject extends Calls {}
