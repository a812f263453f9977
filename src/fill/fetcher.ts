// Asking a blob's upstream for stretches of it, under whichever source is not refused.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { parseContentRange } from "../oci/range.ts";
import type { TimedBody } from "../upstream/body.ts";
import { type Answer, contentLength, type UpstreamClient } from "../upstream/client.ts";
import type { Sources } from "./sources.ts";

/** What came back for a range: that stretch, or the whole blob from its first byte, or "there is no such range". */
export type Reply =
  | { kind: "part"; first: number; total: number; body: TimedBody }
  | { kind: "whole"; size: number | undefined; body: TimedBody }
  | { kind: "none" };

export class Fetcher {
  readonly #upstream: UpstreamClient;
  readonly #sources: Sources;
  readonly #refused: () => void;
  readonly digest: Digest;

  constructor(upstream: UpstreamClient, sources: Sources, digest: Digest, refused: () => void) {
    this.#upstream = upstream;
    this.#sources = sources;
    this.#refused = refused;
    this.digest = digest;
  }

  /** @param range both ends inclusive; without one, the whole */
  ask(range?: { first: number; last: number }): Promise<Reply> {
    return this.#sources.use(async (source) => {
      const answer = await this.#upstream.blob(source, this.digest, range);
      const reply = classify(answer, range);
      if (reply) return reply;
      answer.cancel();
      const { host } = source.rule.upstream;
      throw new RegistryError(
        "UNAVAILABLE",
        `${host} answered ${answer.status} to a request for a blob`,
      );
    }, this.#refused);
  }

  /** The length as HEAD tells it, where GET does not; undefined where HEAD does not either. */
  async size(): Promise<number | undefined> {
    try {
      return await this.#sources.use(async (source) => {
        const headers = await this.#upstream.headBlob(source, this.digest);
        return headers && contentLength(headers);
      }, this.#refused);
    } catch (error) {
      if (error instanceof RegistryError) return undefined; // the GET is running and does without
      throw error;
    }
  }
}

function classify(answer: Answer, range: { first: number } | undefined): Reply | undefined {
  if (answer.status === 416 && range) {
    answer.cancel();
    return { kind: "none" };
  }
  if (answer.status === 200) {
    return { kind: "whole", size: contentLength(answer.headers), body: answer.body() };
  }
  if (answer.status !== 206 || !range) return undefined;
  const told = parseContentRange(answer.headers.get("content-range"));
  // A stretch that was not asked for is as good as none: the caller asks for the whole.
  if (told?.first === range.first)
    return { kind: "part", first: told.first, total: told.total, body: answer.body() };
  answer.cancel();
  return { kind: "none" };
}
