// Links: stored content is shared by all repositories, but served under one only after its upstream has shown, under that rule,
// that the repository has it (store/links). A hit costs one near read. Being named by an index, manifest or tag is no proof.

import type { Catalog } from "../catalog/contract.ts";
import type { Fills } from "../fill/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { within } from "../platform/deadline.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { Claims } from "../store/claims.ts";
import type { LinkStore } from "../store/links.ts";
import type { ManifestStore } from "../store/manifests.ts";
import type { NearLinks } from "../store/near-links.ts";
import { askingOf, type Pull } from "./pull.ts";

/** Catalog and R2 timeout in ms; on expiry the upstream is asked instead. */
const LOOKUP_TIMEOUT = 1_000;
/** Age in ms from which a link is confirmed again, in the background. */
const CONFIRM_AFTER = 24 * 60 * 60_000;
/** Interval between tries to confirm a link, in ms. */
const CONFIRM_INTERVAL = 10 * 60_000;
const MAX_REMEMBERED = 5_000;

/** The digest that a repository is to be given. */
export interface LinkRequest {
  readonly source: Source;
  readonly digest: Digest;
  readonly kind: "manifest" | "blob";
  readonly pull: Pull;
}

/** What a repository may be given of a digest. */
export interface Here<T> {
  linked: boolean;
  here: T | undefined;
  /** An earlier version served the digest to this repository because a parent named it. The upstream now has to confirm it first. */
  wasLinked?: boolean;
}

interface Dependencies {
  near: NearLinks;
  store: Pick<LinkStore, "recorded" | "prove">;
  manifests: Pick<ManifestStore, "firstPlace">;
  catalog: Pick<Catalog, "linked" | "deliveredTo">;
  fills: Pick<Fills, "headBlob" | "headManifest">;
}

export class Links {
  readonly #dependencies: Dependencies;
  readonly #confirming = new Claims(MAX_REMEMBERED);

  constructor(parts: Dependencies) {
    this.#dependencies = parts;
  }

  /** Waits for the stored content and returns it if the repository is linked to the digest. To other repositories the content
   * looks absent, and read errors are not reported. Content that is not returned is passed to `close`. */
  async here<T>(
    request: LinkRequest,
    opening: Promise<T | undefined>,
    close: (here: T) => void = () => {},
  ): Promise<Here<T>> {
    const { source, digest, pull } = request;
    opening.catch(() => {}); // awaited below, once the link is known
    const link = await this.#dependencies.near.get(source, digest, pull);
    if (link?.proved) {
      if (pull.now - link.confirmedAt > CONFIRM_AFTER) this.#confirmLater(request);
      return { linked: true, here: await opening };
    }
    const wasLinked = link !== undefined;
    const isHere = await opening.then((here) => here !== undefined).catch(() => true);
    if (!isHere) return { linked: false, here: undefined };
    if (await this.#isProved(request, wasLinked)) {
      this.add(source, digest, pull);
      return { linked: true, here: await opening };
    }
    opening.then((here) => here !== undefined && close(here)).catch(() => {}); // not linked: closed without being served
    return { linked: false, here: undefined, ...(wasLinked && { wasLinked }) };
  }

  /** Records a link that the upstream has just confirmed under this source. */
  add(source: Source, digest: Digest, pull: Pull): void {
    this.#dependencies.near.add(source, digest, pull);
  }

  async #isProved(request: LinkRequest, wasLinked: boolean): Promise<boolean> {
    const { source, digest } = request;
    const { store } = this.#dependencies;
    const place = sourceKey(source);
    try {
      const record = await inTime(store.recorded(place, digest));
      if (record) return record === "proved";
      if (!(await inTime(this.#isInherited(request, wasLinked)))) return false;
      await inTime(store.prove(place, digest, "inherited"));
      return true;
    } catch (error) {
      console.warn(`entrepot: link lookup failed: ${(error as Error).message}`);
      return false;
    }
  }

  /** Whether an earlier version, which kept no link records, fetched the bytes from this very repository: a manifest's copy in R2
   * says so; for a blob, the catalog does, if this was the only repository leading to it when it was stored. */
  async #isInherited({ source, digest, kind }: LinkRequest, wasLinked: boolean) {
    const place = sourceKey(source);
    const { manifests, catalog } = this.#dependencies;
    if (kind === "manifest") return (await manifests.firstPlace(digest)) === place;
    return wasLinked && (await catalog.deliveredTo(digest)) === place;
  }

  #confirmLater(request: LinkRequest): void {
    const { source, digest, pull } = request;
    if (source.rule.offline) return;
    if (!this.#confirming.take(`${sourceKey(source)}@${digest}`, pull.now, CONFIRM_INTERVAL))
      return;
    pull.later(this.#confirm(request));
  }

  /** Renews the link, or ends it if the upstream no longer has the digest and no image refers to it. An upstream that cannot
   * answer does not end a link. */
  async #confirm({ source, digest, kind, pull }: LinkRequest): Promise<void> {
    const { near, fills } = this.#dependencies;
    try {
      if (!(await this.#isReferred(source, digest))) {
        const asking = { ...askingOf(pull), background: true };
        if (kind === "blob") await fills.headBlob(digest, source, asking);
        else await fills.headManifest(digest, source, asking);
      }
      this.add(source, digest, pull);
    } catch (error) {
      const isGone = error instanceof RegistryError && [401, 403, 404].includes(error.status);
      if (!isGone) {
        console.warn(`entrepot: a link could not be confirmed: ${(error as Error).message}`);
        return;
      }
      await near.withdraw(source, digest, pull).catch((failure: Error) => {
        console.error(`entrepot: a link to ${digest} could not be withdrawn: ${failure.message}`);
      });
    }
  }

  /** Whether an image of the repository refers to the digest. Such an image keeps a proved link. */
  async #isReferred(source: Source, digest: Digest): Promise<boolean> {
    try {
      return await inTime(this.#dependencies.catalog.linked(sourceKey(source), digest));
    } catch (error) {
      console.warn(`entrepot: link lookup in the catalog failed: ${(error as Error).message}`);
      return false;
    }
  }
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return within(work, LOOKUP_TIMEOUT);
}

/** Runs `work` for a repository that is not linked. Refusals by the upstream get the same message whether or not the digest is
 * stored here, so that they do not reveal it. `wasLinked` content that the upstream cannot confirm now is reported as such. */
export async function unlinked<T>(
  { source, digest }: Pick<LinkRequest, "source" | "digest">,
  wasLinked: boolean,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (wasLinked && isUndecided(source, error)) throw unproved(source, digest, error);
    if (![401, 403, 404].includes(error.status)) throw error;
    const { code, message, ...options } = error.toValue();
    const few = message.replace(/( answered \d{3}): .*$/s, "$1");
    throw new RegistryError(code, few, options);
  }
}

/** Whether the upstream was not asked, or gave no usable answer. */
function isUndecided({ rule }: Source, { status, code }: RegistryError): boolean {
  return rule.offline || status === 429 || (status >= 500 && code !== "MANIFEST_INVALID");
}

function unproved({ rule }: Source, digest: Digest, { message }: RegistryError): RegistryError {
  const { host } = rule.upstream;
  const why = `${digest} is cached, but ${host} must confirm once that this repository has it and cannot do so now: ${message}`;
  return new RegistryError("UNAVAILABLE", why, { status: 503, headers: { "Retry-After": "30" } });
}
