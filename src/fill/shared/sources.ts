// The sources of a fill: who came, and what the upstream told each. An error concerns those who came with that
// source; the fill goes on with the next.

import { RegistryError } from "../../oci/error.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { isPersonal } from "./asking.ts";
import { type NegativeCache, worth } from "./negative-cache.ts";

export class Sources {
  readonly #sources = new Map<string, Source>();
  readonly #answered = new Set<string>();
  readonly #errors = new Map<string, RegistryError>();

  /** What is asked is asked for the one who came first; what only that one was refused, the next one asks for again. */
  add(source: Source): void {
    const key = sourceKey(source);
    const { by } = this.#sources.get(key) ?? source;
    const isAnother = by?.key !== source.by?.key;
    if (isAnother && this.#errors.get(key)?.personal) {
      this.#errors.delete(key);
      this.#sources.set(key, source);
    } else {
      const { rule, repository } = source;
      this.#sources.set(key, { rule, repository, ...(by && { by }) });
    }
  }

  all(): Source[] {
    return [...this.#sources.values()];
  }

  /** Whether it is the source that the fill was begun for. */
  isFirst(source: Source): boolean {
    return this.#sources.keys().next().value === sourceKey(source);
  }

  /** For a run that is resumed. @param answered keys of sources (policy/source) */
  restore(answered: readonly string[]): void {
    for (const key of answered) this.#answered.add(key);
  }

  /** Those that the upstream gave something. */
  allAnswered(): Source[] {
    return this.all().filter((source) => this.hasAnswered(source));
  }

  /** Whether the upstream gave something to this source. */
  hasAnswered(source: Source): boolean {
    return this.#answered.has(sourceKey(source));
  }

  errorOf(source: Source): RegistryError | undefined {
    return this.#errors.get(sourceKey(source));
  }

  /** Keeps what is worth it of the errors, each for its own source. */
  remember(memory: NegativeCache): void {
    for (const [key, error] of this.#errors) {
      const source = this.#sources.get(key) as Source;
      memory.keep(source, { error }, worth(error, source, true), Date.now());
    }
  }

  /** Does `work` with the first source that has not failed; throws the last error when none is left.
   * @param failed told of each failure, so that those who depend on that source need not wait, and that source is out;
   * without it, as in the middle of a fill, an error is a hiccup, and not kept */
  async use<T>(work: (source: Source) => Promise<T>, failed?: () => void): Promise<T> {
    let last: RegistryError | undefined;
    for (const [key, source] of this.#sources) {
      if (this.#errors.has(key)) continue;
      try {
        const done = await work(source);
        this.#answered.add(key);
        return done;
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        last = error;
        if (!failed) continue;
        this.#errors.set(key, error);
        failed();
      }
    }
    throw last ?? [...this.#errors.values()].at(-1) ?? new Error("a fill without a source");
  }
}

/** Whether a run failed for one who joined it only because the share of the one who began it is used up. */
export function isBeginners(
  run: { sources: Sources; failure?: { error: unknown } | undefined },
  source: Source,
  error: unknown,
): boolean {
  const isRuns = error === run.failure?.error || error === run.sources.errorOf(source);
  return isRuns && isPersonal(error);
}
