// Doubts: what HEAD answered 404 to a moment ago, and a GET is to confirm.

/** How long a GET that follows is taken for the confirmation, in ms: a tag may be pushed in between, which is no lie of HEAD's. */
const FOLLOWS = 30_000;
/** Those that are kept; one that is forgotten is not counted. */
const MAX_DOUBTS = 100;

export class Doubts {
  /** What was asked for → when, in ms since the epoch. */
  readonly #doubts = new Map<string, number>();

  note(key: string, now: number): void {
    if (this.#doubts.size >= MAX_DOUBTS) this.#doubts.clear();
    this.#doubts.set(key, now);
  }

  /** Whether the GET that is asked now confirms one. */
  take(key: string, now: number): boolean {
    const at = this.#doubts.get(key);
    this.#doubts.delete(key);
    return at !== undefined && Math.abs(now - at) < FOLLOWS;
  }
}
