// Parents of a digest: manifests of the repository that name it and are linked to it, with their bytes. The catalog knows which may be; the
// bytes decide.

import { LRUCache } from "lru-cache";
import type { Digest } from "../../oci/digest.ts";
import { parseObject } from "../../oci/json.ts";
import { namedIn } from "../../oci/references.ts";
import { atMost } from "../../platform/bounded.ts";
import { within } from "../../platform/deadline.ts";
import { sourceKey } from "../../policy/source.ts";
import type { AdmissionRequest, ContentRequest } from "./contract.ts";

/** Maximum number of digests whose parents an isolate remembers, and of parents of each. */
const MAX_REMEMBERED = 10_000;
const MAX_PARENTS = 8;
/** Catalog timeout in ms. */
const CATALOG_TIMEOUT = 3_000;

export interface Parent {
  digest: Digest;
  bytes: Uint8Array;
}

export class Parents {
  /** Place and digest → parents that were admitted: their other parts are requested next. */
  readonly #remembered = new LRUCache<string, Digest[]>(atMost(MAX_REMEMBERED));

  /** Place and digest of manifests whose parts were remembered, so that a warm pull parses none. */
  readonly #manifests = new LRUCache<string, true>(atMost(MAX_REMEMBERED));

  /** Whether there is nothing to remember of the manifest. */
  isRemembered({ source, digest, bytes }: AdmissionRequest): boolean {
    return !bytes || this.#manifests.has(`${sourceKey(source)}@${digest}`);
  }

  /** Remembers that a manifest which passes names its parts, and returns those. */
  remember({ source, digest, bytes }: AdmissionRequest): Digest[] {
    const parts = bytes ? namedIn(parseObject(bytes) ?? {}).map((part) => part.digest) : [];
    if (bytes) this.#manifests.set(`${sourceKey(source)}@${digest}`, true);
    for (const part of parts) {
      const key = `${sourceKey(source)}@${part}`;
      const others = (this.#remembered.get(key) ?? []).filter((one) => one !== digest);
      this.#remembered.set(key, [digest, ...others].slice(0, MAX_PARENTS));
    }
    return parts;
  }

  remembered({ source, digest }: ContentRequest): readonly Digest[] {
    return this.#remembered.get(`${sourceKey(source)}@${digest}`) ?? [];
  }

  /** Those that the catalog knows. Throws if it does not answer, as an earlier version's does. */
  known({ services, source, digest }: ContentRequest): Promise<readonly Digest[]> {
    return within(services.catalog.parents(sourceKey(source), digest), CATALOG_TIMEOUT);
  }

  /** The parent's manifest, if the repository is linked to it and it names the digest as what is requested; undefined otherwise. A layer
   * that is a valid manifest is no child. */
  async linked(request: AdmissionRequest, digest: Digest): Promise<Parent | undefined> {
    const { services, source, pull } = request;
    const looking = services.manifests.get(digest, pull);
    const wanted = { source, digest, kind: "manifest" as const, pull };
    const { linked, here } = await services.links.here(wanted, looking);
    if (!linked || !here) return undefined;
    const { bytes } = here.value;
    const isNamed = namedIn(parseObject(bytes) ?? {}).some(
      (part) => part.digest === request.digest && (request.kind === "blob" || part.kind !== "blob"),
    );
    return isNamed ? { digest, bytes } : undefined;
  }
}
