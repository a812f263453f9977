// Sources of a fill: for whom it fetches, and how the upstream answered each. An error concerns only the clients of
// that source; the fill goes on with the next.

import { RegistryError } from "../../oci/error.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { isPersonal } from "./asking.ts";
import { type NegativeCache, ttlOf } from "./negative-cache.ts";

export class Sources {
  readonly #sources = new Map<string, Source>();
  readonly #answered = new Set<string>();
  readonly #errors = new Map<string, RegistryError>();

  /** Adds a source. Its upstream requests are charged to its first client; if that client's quota was used up, to the
   * next one. */
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

  /** Whether the fill was started for this source. */
  isFirst(source: Source): boolean {
    return this.#sources.keys().next().value === sourceKey(source);
  }

  /** Restores the state of a resumed run.
   * @param answered keys of sources (policy/source) */
  restore(answered: readonly string[]): void {
    for (const key of answered) this.#answered.add(key);
  }

  /** Sources that the upstream delivered something to. */
  allAnswered(): Source[] {
    return this.all().filter((source) => this.hasAnswered(source));
  }

  /** Whether the upstream delivered something to this source. */
  hasAnswered(source: Source): boolean {
    return this.#answered.has(sourceKey(source));
  }

  errorOf(source: Source): RegistryError | undefined {
    return this.#errors.get(sourceKey(source));
  }

  /** Puts each source's error into the negative cache. */
  remember(refusals: NegativeCache): void {
    for (const [key, error] of this.#errors) {
      const source = this.#sources.get(key) as Source;
      refusals.keep(source, { error }, ttlOf(error, source, true), Date.now());
    }
  }

  /** Calls `work` with the first source that has not failed; throws the last error when none is left.
   * @param failed called at each failure, which excludes that source and wakes its clients. Without it, as in the
   * middle of a fill, an error is temporary and is not kept */
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

/** Whether a run failed for a joiner only because the quota of the client that started it is used up. */
export function isOthersQuota(
  run: { sources: Sources; failure?: { error: unknown } | undefined },
  source: Source,
  error: unknown,
): boolean {
  const isRuns = error === run.failure?.error || error === run.sources.errorOf(source);
  return isRuns && isPersonal(error);
}
