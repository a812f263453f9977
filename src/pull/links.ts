// A digest is no key. What is stored is shared by all repositories, and served under one only where a manifest of it that is cached
// here leads to it, or its upstream has confirmed it under that rule: one near read for a hit.

import type { Catalog } from "../catalog/open.ts";
import { isInCatalog } from "../fill/admission.ts";
import type { Fills } from "../fill/open.ts";
import { within } from "../oci/deadline.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { Claims } from "../store/claims.ts";
import type { NearLinks } from "../store/near-links.ts";
import { type Asked, askingOf } from "./asked.ts";

/** The catalog is waited for so long, in ms: it is not all that can be asked. */
const PATIENCE = 1_000;
/** After this time, in ms, what was confirmed is confirmed again, behind the answer. */
const CONFIRMED = 24 * 60 * 60_000;
/** That is tried once in so many ms. */
const AGAIN = 10 * 60_000;
const MOST = 5_000;

type Kind = "manifest" | "blob";

export class Links {
  readonly #near: NearLinks;
  readonly #catalog: Pick<Catalog, "linked">;
  readonly #fills: Pick<Fills, "headBlob" | "headManifest">;
  readonly #confirming = new Claims(MOST);

  constructor(
    near: NearLinks,
    catalog: Pick<Catalog, "linked">,
    fills: Pick<Fills, "headBlob" | "headManifest">,
  ) {
    this.#near = near;
    this.#catalog = catalog;
    this.#fills = fills;
  }

  /** Waits for what is here of a digest, and gives it to whoever comes from a repository that is linked to it. To the others it is not
   * here, and no error of reading it is theirs.
   * @param close told of what is not given
   * @returns whether the repository is known to be linked, and what is here */
  async here<T>(
    source: Source,
    digest: Digest,
    kind: Kind,
    asked: Asked,
    opening: Promise<T | undefined>,
    close: (here: T) => void = () => {},
  ): Promise<{ linked: boolean; here: T | undefined }> {
    opening.catch(() => {}); // awaited below, by those who may know
    const link = await this.#near.get(source, digest, asked);
    if (link) {
      if (asked.now - link.confirmedAt > CONFIRMED) this.#confirmLater(source, digest, kind, asked);
      return { linked: true, here: await opening };
    }
    const isHere = await opening.then((here) => here !== undefined).catch(() => true);
    if (!isHere) return { linked: false, here: undefined };
    if (await this.#isInCatalog(source, digest)) {
      this.add(source, digest, asked);
      return { linked: true, here: await opening };
    }
    opening.then((here) => here !== undefined && close(here)).catch(() => {}); // not his to hear
    return { linked: false, here: undefined };
  }

  /** The upstream has just confirmed it, under this source. */
  add(source: Source, digest: Digest, asked: Asked): void {
    this.#near.add(source, digest, asked);
  }

  #isInCatalog(source: Source, digest: Digest): Promise<boolean> {
    const linked = this.#catalog.linked(sourceKey(source), digest);
    return isInCatalog(within(linked, PATIENCE, () => new Error("no answer in time")));
  }

  #confirmLater(source: Source, digest: Digest, kind: Kind, asked: Asked): void {
    if (source.rule.offline) return;
    if (!this.#confirming.take(`${sourceKey(source)}@${digest}`, asked.now, AGAIN)) return;
    asked.later(this.#confirm(source, digest, kind, asked));
  }

  /** That nobody refers to it any more, and the upstream has it no more, ends the link; that nobody can say does not. */
  async #confirm(source: Source, digest: Digest, kind: Kind, asked: Asked): Promise<void> {
    try {
      if (!(await this.#isInCatalog(source, digest))) {
        const asking = { ...askingOf(asked), background: true };
        if (kind === "blob") await this.#fills.headBlob(digest, source, asking);
        else await this.#fills.headManifest(digest, source, asking);
      }
      this.add(source, digest, asked);
    } catch (error) {
      const isGone = error instanceof RegistryError && [401, 403, 404].includes(error.status);
      if (!isGone) {
        console.warn(`entrepot: a link is not confirmed: ${(error as Error).message}`);
        return;
      }
      await this.#near.remove(source, digest, asked).catch((failure: Error) => {
        console.error(`entrepot: KV kept a link to ${digest}: ${failure.message}`);
      });
    }
  }
}

/** What an upstream refuses to whom no link is known, in words that are the same whether it was asked for the thing, or, since that is
 * here, whether he may have it. */
export async function inFewWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RegistryError) || ![401, 403, 404].includes(error.status)) throw error;
    const { code, message, ...options } = error.toValue();
    const few = message.replace(/( answered \d{3}): .*$/s, "$1");
    throw new RegistryError(code, few, options);
  }
}
