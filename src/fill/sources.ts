// The sources of a fill: who came, and whom the upstream has refused. A refusal concerns those who came with
// that source; the fill goes on with the next.

import type { RegistryError } from "../oci/error.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { isRefusal } from "../upstream/refusal.ts";

export class Sources {
  readonly #sources = new Map<string, Source>();
  readonly #refusals = new Map<string, RegistryError>();

  add(source: Source): void {
    this.#sources.set(sourceKey(source), source);
  }

  all(): Source[] {
    return [...this.#sources.values()];
  }

  refusalOf(source: Source): RegistryError | undefined {
    return this.#refusals.get(sourceKey(source));
  }

  /** Does `work` with the first source that is not refused; throws the last refusal when none is left.
   * @param refused told of each refusal, so that those who depend on that source need not wait */
  async use<T>(work: (source: Source) => Promise<T>, refused: () => void): Promise<T> {
    let last: RegistryError | undefined;
    for (const source of this.#willing()) {
      try {
        return await work(source);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        last = error;
        this.#refusals.set(sourceKey(source), error);
        refused();
      }
    }
    throw last ?? [...this.#refusals.values()].at(-1) ?? new Error("a fill without a source");
  }

  /** Lazily: a source may join while another is being asked. */
  *#willing(): Generator<Source> {
    for (const [key, source] of this.#sources) if (!this.#refusals.has(key)) yield source;
  }
}
