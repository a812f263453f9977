// Links: that a repository has a digest. What is stored is shared by all repositories, and served under those alone that are linked
// to it. In KV, near and late: a claim with an age, which is made anew from what the catalog and the upstream say.

import type { Digest } from "../oci/digest.ts";
import { countedKv } from "./counted.ts";
import { linkKey } from "./keys.ts";

export interface Link {
  /** In ms since the epoch. */
  confirmedAt: number;
}

/** One that nobody uses is forgotten, in s. */
const KEPT = 30 * 24 * 60 * 60;

export class LinkStore {
  readonly #kv: KVNamespace;

  constructor(kv: KVNamespace) {
    this.#kv = countedKv(kv);
  }

  /** @param place origin and repository (policy/source) */
  async get(place: string, digest: Digest): Promise<Link | undefined> {
    try {
      return (await this.#kv.get<Link>(linkKey(place, digest), "json")) ?? undefined;
    } catch (error) {
      console.error(`entrepot: KV failed to read a link: ${(error as Error).message}`);
      return undefined; // the catalog knows, or the upstream
    }
  }

  async put(place: string, digest: Digest, link: Link): Promise<void> {
    await this.#kv.put(linkKey(place, digest), JSON.stringify(link), { expirationTtl: KEPT });
  }

  async delete(place: string, digest: Digest): Promise<void> {
    await this.#kv.delete(linkKey(place, digest));
  }
}
