// Proofs: which repositories of a digest's object have shown that they have its bytes, recorded once each.

import type { Digest } from "../../oci/digest.ts";
import { originOf, type Source, sourceKey } from "../../policy/source.ts";
import type { LinkStore, Proof } from "../../store/links.ts";

/** For how long a record that was written is not written again, in ms: a crowd that joins one run writes it once. */
const WRITTEN = 60_000;
/** Repositories that are remembered so; one that is forgotten is written again. */
const MAX_WRITTEN = 2_000;

type Store = Pick<LinkStore, "isProved" | "prove" | "hasDelivered">;

export class Proofs {
  readonly #links: Store;
  /** Key of a source → its record, written or being written since then, in ms since the epoch. */
  readonly #recorded = new Map<string, { at: number; done: Promise<void> }>();

  constructor(links: Store) {
    this.#links = links;
  }

  isProved(digest: Digest, source: Source): Promise<boolean> {
    return this.#links.isProved(sourceKey(source), digest);
  }

  /** Whether the source's origin has delivered the bytes: then its word is enough for another of its repositories. */
  hasDelivered(digest: Digest, source: Source): Promise<boolean> {
    return this.#links.hasDelivered(originOf(source.rule), digest);
  }

  /** Resolves once R2 has it, or has refused it: then it is proved again by the next pull, and this one is served. */
  record(digest: Digest, source: Source, by: Proof): Promise<void> {
    const key = sourceKey(source);
    const now = Date.now();
    const before = this.#recorded.get(key);
    if (before && now - before.at < WRITTEN) return before.done;
    if (this.#recorded.size >= MAX_WRITTEN) this.#recorded.clear();
    const done = this.#record(digest, key, by);
    this.#recorded.set(key, { at: now, done });
    return done;
  }

  async #record(digest: Digest, key: string, by: Proof): Promise<void> {
    try {
      await this.#links.prove(key, digest, by);
    } catch (error) {
      this.#recorded.delete(key);
      console.error(`entrepot: R2 refused a link to ${digest}: ${(error as Error).message}`);
    }
  }

  /** The content is deleted, and its records with it. */
  forget(): void {
    this.#recorded.clear();
  }
}
