// A rate limiting binding as the platform's is, shared by all isolates of a place: so many calls by a key, until its window ends.

export class Window {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  constructor(most = 20) {
    this.#most = most;
  }

  async limit({ key }: { key: string }): Promise<{ success: boolean }> {
    const count = (this.#counts.get(key) ?? 0) + 1;
    if (count > this.#most) return { success: false };
    this.#counts.set(key, count);
    return { success: true };
  }

  /** How much was counted by any key. */
  get counted(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  end(): void {
    this.#counts.clear();
  }
}
