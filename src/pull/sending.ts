// Sending: writes a blob's segments in order, opens the next one ahead, and queues edge copies of those read from R2.

import type { Opened } from "../store/near-blobs.ts";
import { Copies } from "./copies.ts";
import type { RepositoryRequest } from "./request.ts";
import type { Segments } from "./segments.ts";

/** Maximum age in ms of a segment opened ahead. An older one is reopened, because the storage may have closed it, and for such
 * a slow client nothing is opened ahead any more. */
const MAX_AHEAD_AGE = 10_000;

/** A segment that is opened ahead; undefined if that failed. */
type Ahead = Promise<{ opened: Opened | undefined } | undefined>;

export class Sending {
  readonly #request: RepositoryRequest;
  readonly #segments: Segments;
  readonly #copies: Copies;

  constructor(request: RepositoryRequest, segments: Segments) {
    this.#request = request;
    this.#segments = segments;
    this.#copies = new Copies(request.services, request.pull);
  }

  /** Writes and closes the response body. Rejects if the blob fails verification; the caller must then abort the writable, so that
   * the client sees a broken transfer. */
  writeTo(writable: WritableStream): Promise<void> {
    const sent = this.#sendAll(writable);
    this.#request.pull.later(this.#copies.follow(sent, () => this.#segments.layout));
    return sent;
  }

  async #sendAll(writable: WritableStream): Promise<void> {
    const { services, source, pull } = this.#request;
    const segments = this.#segments;
    const { first } = segments;
    if (first) this.#note(segments.from, first);
    let next: Ahead | undefined = first && Promise.resolve({ opened: first });
    let keepsUp = true;
    try {
      for (let number = segments.from; !segments.isPast(number); number++) {
        // A failed open ahead is retried here.
        const ahead = await next;
        const opened = ahead ? ahead.opened : await this.#open(number);
        // Nothing is opened ahead of a running attempt: a follower's reads show the fill how far the follower has come.
        next = segments.layout && keepsUp ? this.#openAhead(number + 1) : undefined;
        const begun = Date.now();
        if (opened) {
          await this.#send(opened, writable);
          services.reports.sent(source, segments.lengthOf(number), pull);
        }
        if (Date.now() - begun < MAX_AHEAD_AGE) continue;
        keepsUp = false;
        discard(next);
        next = undefined;
      }
    } catch (error) {
      discard(next);
      throw error;
    }
    await writable.close();
  }

  async #open(number: number): Promise<Opened | undefined> {
    const opened = await this.#segments.open(number);
    if (opened) this.#note(number, opened);
    return opened;
  }

  #note(number: number, { layer }: Opened): void {
    if (layer === "r2") this.#copies.want(number);
  }

  #openAhead(number: number): Ahead | undefined {
    if (this.#segments.isPast(number)) return undefined;
    return this.#open(number).then(
      (opened) => ({ opened }),
      () => undefined,
    );
  }

  async #send({ stream, copy }: Opened, writable: WritableStream): Promise<void> {
    try {
      await stream.pipeTo(writable, { preventClose: true, preventAbort: true });
    } catch (error) {
      // The copy broke by itself, not because the client left: drop it, so that the next response does not break too.
      if (copy && isOpen(writable)) {
        const { services, pull } = this.#request;
        pull.later(services.blobs.dropCopy(copy, pull));
      }
      throw error;
    }
  }
}

/** Cancels a segment that was opened ahead and will not be read. */
function discard(ahead: Ahead | undefined): void {
  ahead?.then((ready) => ready?.opened?.stream.cancel()).catch(() => {}); // not needed
}

/** Whether a writable still accepts data. */
function isOpen(writable: WritableStream): boolean {
  const writer = writable.getWriter();
  writer.closed.catch(() => {}); // the failure is reported by the response
  const isOpen = writer.desiredSize !== null;
  writer.releaseLock();
  return isOpen;
}
