// The sending of a blob: its segments one after the other, the next one opened ahead, and what had to be read from R2 copied behind.

import type { Source } from "../policy/source.ts";
import type { Opened } from "../store/near-blobs.ts";
import { Copies } from "./copies.ts";
import type { Pull } from "./pull.ts";
import type { BlobRequest, Segments } from "./segments.ts";
import type { PullServices } from "./services.ts";

/** The next segment is opened while one is sent; what was opened and not read for so long, in ms, is opened anew, and then the
 * client is too slow for that: whoever sends it may have closed it since. */
const IDLE = 10_000;

/** A segment that is opened ahead; undefined where that failed. */
type Ahead = Promise<{ opened: Opened | undefined } | undefined>;

export class Sending {
  readonly #services: PullServices;
  readonly #segments: Segments;
  readonly #pull: Pull;
  readonly #copies: Copies;
  readonly #source: Source;

  constructor({ services, source, pull }: BlobRequest, segments: Segments) {
    this.#services = services;
    this.#segments = segments;
    this.#pull = pull;
    this.#copies = new Copies(services, pull);
    this.#source = source;
  }

  /** Writes the answer, and closes it. Rejects when the blob turns out not to be what it promised: the writable is then to be
   * aborted, so that the client sees a broken transfer. */
  writeTo(writable: WritableStream): Promise<void> {
    const sent = this.#sendAll(writable);
    this.#pull.later(this.#copies.follow(sent, () => this.#segments.layout));
    return sent;
  }

  async #sendAll(writable: WritableStream): Promise<void> {
    const segments = this.#segments;
    const { first } = segments;
    if (first) this.#note(segments.from, first);
    let next: Ahead | undefined = first && Promise.resolve({ opened: first });
    let keepsUp = true;
    try {
      for (let number = segments.from; !segments.isPast(number); number++) {
        // What could not be opened ahead may be now.
        const ahead = await next;
        const opened = ahead ? ahead.opened : await this.#open(number);
        // Of an attempt nothing is opened ahead: what a follower asks for shows the fill how far he is.
        next = segments.layout && keepsUp ? this.#openAhead(number + 1) : undefined;
        const begun = Date.now();
        if (opened) {
          await this.#send(opened, writable);
          this.#services.reports.sent(this.#source, segments.lengthOf(number), this.#pull);
        }
        if (Date.now() - begun < IDLE) continue;
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
      // A copy that broke off by itself, not because the client has left, is not to break the next answer too.
      if (copy && isOpen(writable)) {
        this.#pull.later(this.#services.blobs.dropCopy(copy, this.#pull));
      }
      throw error;
    }
  }
}

/** What was opened and will not be read. */
function discard(ahead: Ahead | undefined): void {
  ahead?.then((ready) => ready?.opened?.stream.cancel()).catch(() => {}); // it was not needed
}

/** Whether a writable still takes something. */
function isOpen(writable: WritableStream): boolean {
  const writer = writable.getWriter();
  writer.closed.catch(() => {}); // the answer fails, and says so
  const isOpen = writer.desiredSize !== null;
  writer.releaseLock();
  return isOpen;
}
