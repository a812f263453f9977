// The configuration as it is now: what is configured, and the rules that the API has added. Put together anew when those have changed.

import type { Later } from "../access/access-snapshot.ts";
import type { Desk } from "../access/services.ts";
import type { Config } from "../config/read.ts";
import { withAdded } from "../policy/added.ts";
import { Door } from "./registry/registry-auth.ts";

type Variables = Readonly<Record<string, unknown>>;

export class Current {
  readonly #configured: Config;
  readonly #variables: Variables;
  readonly #desk: Desk;
  /** Undefined: those of the API were never read. */
  #version: number | undefined;
  #config: Config;
  #door: Door;

  constructor(configured: Config, variables: Variables, desk: Desk) {
    this.#configured = configured;
    this.#variables = variables;
    this.#desk = desk;
    this.#config = withAdded(configured, undefined, variables);
    this.#door = new Door(this.#config, desk);
  }

  /** As of the last `refresh`. */
  get config(): Config {
    return this.#config;
  }

  get door(): Door {
    return this.#door;
  }

  /** Without the rules that the API has added. */
  get configured(): Config {
    return this.#configured;
  }

  /** At most as old as the book's page: a rule that was changed anywhere is in force here within a minute. An outage of the book's
   * changes no rule. */
  async refresh(now: number, later: Later): Promise<void> {
    const added = await this.#desk.book.rules(now, later);
    if (!added || added.version === this.#version) return;
    this.#version = added.version;
    this.#config = withAdded(this.#configured, added.rules, this.#variables);
    this.#door = new Door(this.#config, this.#desk);
    for (const { rule, problem, added } of this.#config.rules)
      if (added && problem)
        console.error(
          `entrepot: the rule "${rule.name}", which the API has added, cannot be used: ${problem}`,
        );
    for (const { name, problem } of this.#config.aside)
      console.error(
        `entrepot: the rule "${name}", which the API has added, is set aside: ${problem}`,
      );
  }

  /** What was changed just now is in force here at once. */
  async changed(now: number, later: Later): Promise<void> {
    await this.#desk.book.readNow(now);
    await this.refresh(now, later);
  }
}
