// Doubts: names that HEAD answered 404 to a moment ago, to be confirmed by a GET.

/** Maximum time between HEAD and its confirming GET, in ms: later, a tag may have been pushed in between, and HEAD
 * was right. */
const CONFIRM_WINDOW = 30_000;
/** Maximum number of pending confirmations; beyond it all are dropped and not counted. */
const MAX_DOUBTS = 100;

export class Doubts {
  /** Key of the request → time of its HEAD, in ms since the epoch. */
  readonly #doubts = new Map<string, number>();

  note(key: string, now: number): void {
    if (this.#doubts.size >= MAX_DOUBTS) this.#doubts.clear();
    this.#doubts.set(key, now);
  }

  /** Returns whether a GET of this key confirms a recent HEAD; forgets that HEAD. */
  take(key: string, now: number): boolean {
    const at = this.#doubts.get(key);
    this.#doubts.delete(key);
    return at !== undefined && Math.abs(now - at) < CONFIRM_WINDOW;
  }
}
