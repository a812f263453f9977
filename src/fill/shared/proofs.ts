// Proofs: which repositories have shown that they have a digest's bytes; each is recorded once.

import type { Digest } from "../../oci/digest.ts";
import { originOf, type Source, sourceKey } from "../../policy/source.ts";
import type { LinkStore, Proof } from "../../store/links.ts";

/** Time in ms during which a proof is not written again: clients that join one run write it once. */
const REWRITE_INTERVAL = 60_000;
/** Maximum number of repositories remembered for that; a forgotten one is written again. */
const MAX_REMEMBERED = 2_000;

type Store = Pick<LinkStore, "isProved" | "prove" | "hasDelivered">;

export class Proofs {
  readonly #links: Store;
  /** Source key → the write of its record, and when it began, in ms since the epoch. */
  readonly #recorded = new Map<string, { at: number; done: Promise<void> }>();

  constructor(links: Store) {
    this.#links = links;
  }

  isProved(digest: Digest, source: Source): Promise<boolean> {
    return this.#links.isProved(sourceKey(source), digest);
  }

  /** Whether the source's origin has delivered the bytes: then a HEAD is enough for its other repositories. */
  hasDelivered(digest: Digest, source: Source): Promise<boolean> {
    return this.#links.hasDelivered(originOf(source.rule), digest);
  }

  /** Resolves once R2 has stored the proof, or has failed to: this pull is served anyway, and the next one proves it
   * again. */
  record(digest: Digest, source: Source, by: Proof): Promise<void> {
    const key = sourceKey(source);
    const now = Date.now();
    const before = this.#recorded.get(key);
    if (before && now - before.at < REWRITE_INTERVAL) return before.done;
    if (this.#recorded.size >= MAX_REMEMBERED) this.#recorded.clear();
    const done = this.#record(digest, key, by);
    this.#recorded.set(key, { at: now, done });
    return done;
  }

  async #record(digest: Digest, key: string, by: Proof): Promise<void> {
    try {
      await this.#links.prove(key, digest, by);
    } catch (error) {
      this.#recorded.delete(key);
      console.error(
        `entrepot: storing a link to ${digest} in R2 failed: ${(error as Error).message}`,
      );
    }
  }

  /** Forgets all records; called when the content and its links are deleted. */
  forget(): void {
    this.#recorded.clear();
  }
}
