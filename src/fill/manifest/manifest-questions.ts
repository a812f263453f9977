// Manifest questions: a manifest's description by HEAD, once for all that ask, and its bytes by GET.

import type { Digest } from "../../oci/digest.ts";
import { isSchema1, manifestType } from "../../oci/manifest.ts";
import type { Source } from "../../policy/source.ts";
import type { Manifest } from "../../store/manifests.ts";
import type { Purpose, UpstreamClient } from "../../upstream/client/client.ts";
import type { ToldManifest } from "../contract.ts";
import type { NegativeCache } from "../shared/negative-cache.ts";
import { SingleFlight } from "../shared/single-flight.ts";
import type { FillTally } from "../shared/tally.ts";
import { manifestSize, readVerified } from "./read-manifest.ts";

export class ManifestQuestions {
  readonly #upstream: UpstreamClient;
  readonly #tally: Pick<FillTally, "unverified">;
  readonly #heads: SingleFlight<ToldManifest | undefined>;

  /** @param refusals negative cache, shared with the object */
  constructor(
    upstream: UpstreamClient,
    tally: Pick<FillTally, "unverified">,
    refusals: NegativeCache,
  ) {
    this.#upstream = upstream;
    this.#tally = tally;
    this.#heads = new SingleFlight(refusals);
  }

  /** Undefined where HEAD is deficient, or its 404 is not conclusive: use GET. */
  byHead(digest: Digest, source: Source): Promise<ToldManifest | undefined> {
    return this.#heads.ask(source, async () => {
      const headers = await this.#upstream.headManifest(source, digest);
      const size = headers && manifestSize(headers);
      const mediaType = headers && manifestType(headers.get("content-type"));
      if (size === undefined || mediaType === undefined || isSchema1(mediaType)) return undefined;
      return { size, mediaType };
    });
  }

  /** The same for requests that no fetch follows: a GET describes it where HEAD does not. */
  async byHeadOrGet(digest: Digest, source: Source): Promise<ToldManifest> {
    const description = await this.byHead(digest, source);
    if (description) return description;
    const { mediaType, bytes } = await this.get(digest, source, "background");
    return { mediaType, size: bytes.byteLength };
  }

  /** Throws MANIFEST_INVALID (502) for bytes that do not match the digest. */
  async get(digest: Digest, source: Source, purpose: Purpose): Promise<Manifest> {
    const answer = await this.#upstream.manifest(source, digest, purpose);
    return readVerified(source, answer, digest, (message) =>
      this.#tally.unverified(source, digest, message),
    );
  }
}
