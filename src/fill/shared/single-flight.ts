// Single flight: one upstream question for all that ask it at once, with its answer kept for a while.

import { type Source, sourceKey } from "../../policy/source.ts";
import { isPersonal } from "./asking.ts";
import { NegativeCache, ttlOf } from "./negative-cache.ts";

/** Shares a running question and, for the rule's `negativeTtl`, its answer. For things named by digest, which never
 * change. */
export class SingleFlight<T> {
  readonly #refusals: NegativeCache;
  readonly #values = new NegativeCache<T>();
  readonly #asking = new Map<string, Promise<T>>();

  /** @param refusals shared with other questions about the same content */
  constructor(refusals: NegativeCache) {
    this.#refusals = refusals;
  }

  async ask(source: Source, ask: () => Promise<T>): Promise<T> {
    const now = Date.now();
    this.#refusals.throwRecalled(source, now);
    const said = this.#values.recall(source, now);
    if (said && "value" in said) return said.value;
    const asking = this.#asking.get(sourceKey(source));
    if (!asking) return this.#begin(source, ask);
    try {
      return await asking;
    } catch (error) {
      if (!isPersonal(error)) throw error;
      return this.ask(source, ask);
    }
  }

  #begin(source: Source, ask: () => Promise<T>): Promise<T> {
    const key = sourceKey(source);
    const asking = ask().finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    asking.then(
      (value) => this.#values.keep(source, { value }, source.rule.negativeTtl, Date.now()),
      (error) => this.#refusals.keep(source, { error }, ttlOf(error, source, true), Date.now()),
    );
    return asking;
  }
}
