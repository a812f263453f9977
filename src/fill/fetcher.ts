// Asking a blob's upstream for stretches of it, under whichever source works.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { parseContentRange } from "../oci/range.ts";
import type { Source } from "../policy/source.ts";
import type { TimedBody } from "../upstream/body.ts";
import {
  type Answer,
  contentLength,
  type Purpose,
  type UpstreamClient,
} from "../upstream/client.ts";
import type { Sources } from "./sources.ts";

/** What came back for a range: that stretch, or the whole blob from its first byte, or "there is no such range". */
export type Reply =
  | { kind: "part"; total: number; body: TimedBody }
  | { kind: "whole"; size: number | undefined; body: TimedBody; source: Source }
  | { kind: "none" };

/** Both ends inclusive. */
interface Stretch {
  first: number;
  last: number;
}

/** Who wants to know how it goes. */
export interface Watcher {
  /** A source failed the first question. */
  failed(): void;
  moved(bytes: number): void;
}

export class Fetcher {
  readonly #upstream: UpstreamClient;
  readonly #sources: Sources;
  readonly #watcher: Watcher;
  readonly #digest: Digest;

  constructor(upstream: UpstreamClient, sources: Sources, digest: Digest, watcher: Watcher) {
    this.#upstream = upstream;
    this.#sources = sources;
    this.#watcher = watcher;
    this.#digest = digest;
  }

  /** The first question: a source that fails it is out, and those who came with it are told.
   * @param range without one, the whole */
  async open(range?: Stretch): Promise<Reply> {
    const failed = () => this.#watcher.failed();
    return this.#sources.use((source) => this.#ask(source, range, "client"), failed);
  }

  /** A question in the middle of a fill. */
  ask(range: Stretch): Promise<Reply> {
    return this.#sources.use((source) => this.#ask(source, range, "transfer"));
  }

  async #ask(source: Source, range: Stretch | undefined, purpose: Purpose): Promise<Reply> {
    const answer = await this.#upstream.blob(source, this.#digest, range, purpose);
    const reply = classify(answer, source, range, (bytes) => this.#watcher.moved(bytes));
    if (reply) return reply;
    answer.cancel();
    const { host } = source.rule.upstream;
    const message = `${host} answered ${answer.status} to a request for a blob`;
    throw new RegistryError("UNAVAILABLE", message);
  }

  /** The length as HEAD tells it, where GET does not; undefined where HEAD does not either. */
  async size(source: Source): Promise<number | undefined> {
    try {
      const headers = await this.#upstream.headBlob(source, this.#digest);
      return headers && contentLength(headers);
    } catch (error) {
      if (error instanceof RegistryError) return undefined; // the GET is running and does without
      throw error;
    }
  }
}

function classify(
  answer: Answer,
  source: Source,
  range: Stretch | undefined,
  moved: (bytes: number) => void,
): Reply | undefined {
  if (answer.status === 416 && range) {
    answer.cancel();
    return { kind: "none" };
  }
  if (answer.status === 200) {
    return { kind: "whole", size: contentLength(answer.headers), body: answer.body(moved), source };
  }
  if (answer.status !== 206 || !range) return undefined;
  const told = parseContentRange(answer.headers.get("content-range"));
  // A stretch that was not asked for is as good as none: the caller asks for the whole.
  if (told?.first === range.first) {
    return { kind: "part", total: told.total, body: answer.body(moved) };
  }
  answer.cancel();
  return { kind: "none" };
}
