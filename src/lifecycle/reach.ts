// Reach: could the upstream give it again? Nothing expires while it could not: a cache is what is left of a registry that is away.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import type { UpstreamClient } from "../upstream/client/client.ts";
import type { Coverage } from "./coverage.ts";

export class Reach {
  readonly #upstream: Pick<UpstreamClient, "headManifest" | "manifest">;
  readonly #force: boolean;
  readonly #most: number;
  /** Place → why not; undefined where it could. */
  readonly #known = new Map<string, string | undefined>();
  #asked = 0;

  /** @param force takes it that everything could be given again
   * @param most upstreams are asked so often; of more places it is taken that they could */
  constructor(
    upstream: Pick<UpstreamClient, "headManifest" | "manifest">,
    force: boolean,
    most = Number.POSITIVE_INFINITY,
  ) {
    this.#upstream = upstream;
    this.#force = force;
    this.#most = most;
  }

  /** Why a place's images stay; undefined where they could be fetched again. A place that no rule leads to any more is nobody's: nobody
   * could pull from there.
   * @param digest of one of its images, which the upstream is asked for by HEAD */
  async obstacle(
    place: string,
    { sources }: Coverage,
    digest: Digest,
  ): Promise<string | undefined> {
    if (this.#force || sources.length === 0) return undefined;
    if (this.#known.has(place)) return this.#known.get(place);
    const obstacle = await this.#ask(sources, digest);
    this.#known.set(place, obstacle);
    return obstacle;
  }

  /** One source that could is enough. */
  async #ask(sources: Coverage["sources"], digest: Digest): Promise<string | undefined> {
    let obstacle: string | undefined;
    for (const { source, configured } of sources) {
      const { rule } = source;
      if (rule.offline) obstacle = `the rule "${rule.name}" is offline`;
      else if (configured.problem) obstacle = `the rule "${rule.name}" cannot be used`;
      else if (this.#asked >= this.#most) return undefined;
      else {
        this.#asked += 1;
        try {
          const head = await this.#upstream.headManifest(source, digest, "background");
          // A HEAD that is refused may be one that the upstream only guards otherwise.
          if (!head) (await this.#upstream.manifest(source, digest, "background")).cancel();
          return undefined;
        } catch (error) {
          // That the upstream does not have it (any more) is an answer: it is there.
          if (error instanceof RegistryError && error.status === 404) return undefined;
          obstacle = told(rule.upstream.host, error);
        }
      }
    }
    return obstacle;
  }
}

/** By status: an upstream's words may differ each time, and are counted together. */
function told(host: string, error: unknown): string {
  if (!(error instanceof RegistryError)) return `${host} could not be asked`;
  if (error.unasked) return `${host} is left alone for a while`;
  const { upstreamStatus } = error;
  return upstreamStatus ? `${host} answers ${upstreamStatus}` : `${host} cannot be reached`;
}
