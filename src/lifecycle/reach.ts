// Reach: whether an upstream could deliver an image again. Nothing expires while it could not, since the cache may hold the only
// copy.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import type { UpstreamClient } from "../upstream/client/client.ts";
import { isUnknown } from "../upstream/client/refusal.ts";
import type { Coverage } from "./coverage.ts";

export class Reach {
  readonly #upstream: Pick<UpstreamClient, "headManifest" | "manifest">;
  readonly #force: boolean;
  readonly #most: number;
  /** Place → why its images cannot be fetched again; undefined if they can. */
  readonly #known = new Map<string, string | undefined>();
  #asked = 0;

  /** @param force assumes that everything could be delivered again @param most maximum number of upstream requests; places
   * beyond it are assumed to be reachable */
  constructor(
    upstream: Pick<UpstreamClient, "headManifest" | "manifest">,
    force: boolean,
    most = Number.POSITIVE_INFINITY,
  ) {
    this.#upstream = upstream;
    this.#force = force;
    this.#most = most;
  }

  /** Why a place's images must be kept; undefined if they could be fetched again, or if no rule leads to the place, since
   * nothing there can be pulled. `digest` is one of its images, requested from the upstream by HEAD. */
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

  /** One source that could deliver it suffices. */
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
          // Some upstreams refuse HEAD but allow GET.
          if (!head) (await this.#upstream.manifest(source, digest, "background")).cancel();
          return undefined;
        } catch (error) {
          // A 404 is an answer: the upstream is reachable, though it no longer has the image.
          if (isUnknown(error)) return undefined;
          obstacle = obstacleOf(rule.upstream.host, error);
        }
      }
    }
    return obstacle;
  }
}

/** Obstacles are grouped by status, because upstreams' messages may differ on every request. */
function obstacleOf(host: string, error: unknown): string {
  if (!(error instanceof RegistryError)) return `the request to ${host} failed`;
  if (error.unasked) return `requests to ${host} are paused`;
  const { upstreamStatus } = error;
  return upstreamStatus ? `${host} answered ${upstreamStatus}` : `${host} cannot be reached`;
}
