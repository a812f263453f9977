// Referrers that come along (`referrers = true`): after a manifest is cached, its signatures, SBOMs and attestations are fetched behind, so
// that it can be verified while the upstream is down.

import type { Asking, Fills } from "../fill/contract.ts";
import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { parseObject } from "../oci/json.ts";
import { kindOf } from "../oci/kind.ts";
import { digestIn, namedIn } from "../oci/references.ts";
import type { Source } from "../policy/source.ts";
import { isUnknown } from "../upstream/client/refusal.ts";

/** Maximum number of referrers per manifest, and of pages of their list. */
const MAX_REFERRERS = 32;
const MAX_PAGES = 2;
/** Maximum size in bytes of all blobs that come along with one manifest. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Number of referrers that are fetched at once; low, to leave room for clients' pulls. */
const AT_ONCE = 2;
/** Ends of cosign's tags. */
const TAGS = ["sig", "att", "sbom"];

export interface BringRequest {
  readonly fills: Pick<Fills, "checkTag" | "list" | "joinManifest" | "joinBlob">;
  readonly source: Source;
  /** Of the manifest that is referred to. */
  readonly digest: Digest;
}

/** Begins the fills of all that refers to the manifest; they go on by themselves. Failures are logged: the manifest itself is cached. */
export async function bringReferrers(request: BringRequest): Promise<void> {
  const bringing = new Bringing(request);
  await bringing.all();
}

class Bringing {
  readonly #request: BringRequest;
  readonly #asking: Asking;
  #left = MAX_BYTES;

  constructor(request: BringRequest) {
    this.#request = request;
    this.#asking = { patience: request.source.rule.firstByteTimeout, background: true };
  }

  async all(): Promise<void> {
    const digests = new Set<Digest>();
    for (const find of [() => this.#tagged(), () => this.#listed()])
      for (const digest of await this.#logged(find)) digests.add(digest);
    const wanted = [...digests].slice(0, MAX_REFERRERS);
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      const some = wanted.slice(at, at + AT_ONCE);
      await Promise.all(some.map((digest) => this.#logged(() => this.#bring(digest))));
    }
  }

  async #tagged(): Promise<Digest[]> {
    const { fills, source, digest } = this.#request;
    const found: Digest[] = [];
    for (const end of TAGS) {
      const tag = `${algorithmOf(digest)}-${hexOf(digest)}.${end}`;
      await this.#logged(async () => {
        const { mapping } = await fills.checkTag(source, tag, { ...this.#asking, content: true });
        if (!mapping.deleted) found.push(mapping.digest);
        return [];
      });
    }
    return found;
  }

  async #listed(): Promise<Digest[]> {
    const { fills, source, digest } = this.#request;
    const found: Digest[] = [];
    let query: string | undefined = "";
    for (let pages = 0; query !== undefined && pages < MAX_PAGES; pages++) {
      const asked = { list: `referrers/${digest}`, query };
      const { page } = await fills.list(source, asked, this.#asking);
      found.push(...page.entries.flatMap(manifestIn));
      query = page.next;
    }
    return found;
  }

  async #bring(digest: Digest): Promise<Digest[]> {
    const { fills, source } = this.#request;
    const { manifest } = await fills.joinManifest(digest, source, { ...this.#asking, named: true });
    for (const part of namedIn(parseObject(manifest.bytes) ?? {})) {
      if (part.kind !== "blob" || part.foreign || part.size > this.#left) continue;
      this.#left -= part.size;
      await fills.joinBlob(part.digest, source, this.#asking);
    }
    return [];
  }

  async #logged(work: () => Promise<Digest[]>): Promise<Digest[]> {
    try {
      return await work();
    } catch (error) {
      if (isUnknown(error)) return []; // the usual case: nothing refers to it
      const { message } = error as Error;
      const text = `entrepot: a referrer of ${this.#request.digest} was not fetched: ${message}`;
      if (error instanceof RegistryError) console.warn(text);
      else console.error(text);
      return [];
    }
  }
}

function manifestIn(entry: unknown): Digest[] {
  const { mediaType } = (entry ?? {}) as { mediaType?: unknown };
  return kindOf(mediaType) === "blob" ? [] : digestIn(entry);
}
