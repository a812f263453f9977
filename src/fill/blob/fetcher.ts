// Fetcher: requests ranges of a blob from the upstream, under the first source that works.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { type ByteRange, parseContentRange } from "../../oci/range.ts";
import type { Source } from "../../policy/source.ts";
import type { TimedBody } from "../../upstream/client/body.ts";
import {
  type Answer,
  contentLength,
  isEncoded,
  type Purpose,
  type UpstreamClient,
} from "../../upstream/client/client.ts";
import type { Sources } from "../shared/sources.ts";
import { sizeIn } from "./blob-size.ts";

/** Answer to a range request: that range, the whole blob from its first byte, or no such range. */
export type Reply =
  | { kind: "part"; total: number; body: TimedBody }
  | { kind: "whole"; size: number | undefined; body: TimedBody; source: Source }
  | { kind: "none" };

/** Observer of a fetch. */
export interface FetchObserver {
  /** Called when a source fails the first request. */
  failed(): void;
  moved(bytes: number): void;
}

export class Fetcher {
  readonly #upstream: UpstreamClient;
  readonly #sources: Sources;
  readonly #observer: FetchObserver;
  readonly #digest: Digest;
  /** Bodies are read without decompression, although marked as compressed. */
  #asSent = false;
  #wasEncoded = false;

  constructor(upstream: UpstreamClient, sources: Sources, digest: Digest, observer: FetchObserver) {
    this.#upstream = upstream;
    this.#sources = sources;
    this.#observer = observer;
    this.#digest = digest;
  }

  /** First request: a source that fails it is excluded, and its clients are woken.
   * @param range undefined for the whole blob */
  async open(range?: ByteRange): Promise<Reply> {
    const failed = () => this.#observer.failed();
    return this.#sources.use((source) => this.#ask(source, range, "client"), failed);
  }

  /** Request in the middle of a fill. */
  ask(range: ByteRange): Promise<Reply> {
    return this.#sources.use((source) => this.#ask(source, range, "transfer"));
  }

  async #ask(source: Source, range: ByteRange | undefined, purpose: Purpose): Promise<Reply> {
    const asSent = this.#asSent;
    const how = { ...(range && { range }), purpose, asSent };
    const answer = await this.#upstream.blob(source, this.#digest, how);
    this.#wasEncoded ||= isEncoded(answer.headers);
    const moved = (bytes: number) => this.#observer.moved(bytes);
    const reply = classify(answer, source, { range, asSent }, moved);
    if (reply) return reply;
    answer.cancel();
    const { host } = source.rule.upstream;
    const message = `${host} answered ${answer.status} to a request for a blob`;
    throw new RegistryError("UNAVAILABLE", message);
  }

  /** Switches decompression for the next round after a mismatch. Some storage marks layers that are gzip files
   * themselves as "Content-Encoding: gzip", and some compresses on the way.
   * @returns whether bodies are read without decompression from now on */
  toggleDecompression(): boolean {
    this.#asSent = this.#wasEncoded && !this.#asSent;
    return this.#asSent;
  }

  /** Size by HEAD, where GET does not tell; undefined where HEAD does not either. */
  async size(source: Source): Promise<number | undefined> {
    try {
      const headers = await this.#upstream.headBlob(source, this.#digest);
      return headers && sizeIn(headers, this.#digest, this.#asSent);
    } catch (error) {
      if (error instanceof RegistryError) return undefined; // the running GET can do without it
      throw error;
    }
  }
}

function classify(
  answer: Answer,
  source: Source,
  { range, asSent }: { range: ByteRange | undefined; asSent: boolean },
  moved: (bytes: number) => void,
): Reply | undefined {
  if (answer.status === 416 && range) {
    answer.cancel();
    return { kind: "none" };
  }
  if (answer.status === 200) {
    const size = contentLength(answer.headers, asSent);
    return { kind: "whole", size, body: answer.body(moved), source };
  }
  if (answer.status !== 206 || !range) return undefined;
  const sent = parseContentRange(answer.headers.get("content-range"));
  // Another range than requested is useless, and so is one of a compressed body: the caller requests the whole.
  if (sent?.first === range.first && (asSent || !isEncoded(answer.headers))) {
    return { kind: "part", total: sent.total, body: answer.body(moved) };
  }
  answer.cancel();
  return { kind: "none" };
}
