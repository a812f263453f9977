// The configuration as it is now: what is configured, and the rules that the API has added. Put together anew when those have changed.

import type { Later } from "../access/access-snapshot.ts";
import type { AccessServices } from "../access/services.ts";
import type { Config } from "../config/read.ts";
import { withAdded } from "../policy/added.ts";
import { RegistryAuth } from "./registry/registry-auth.ts";

type Variables = Readonly<Record<string, unknown>>;

export class LiveConfig {
  readonly #configured: Config;
  readonly #variables: Variables;
  readonly #accessServices: AccessServices;
  /** Undefined: those of the API were never read. */
  #version: number | undefined;
  #config: Config;
  #registryAuth: RegistryAuth;

  constructor(configured: Config, variables: Variables, accessServices: AccessServices) {
    this.#configured = configured;
    this.#variables = variables;
    this.#accessServices = accessServices;
    this.#config = withAdded(configured, undefined, variables);
    this.#registryAuth = new RegistryAuth(this.#config, accessServices);
  }

  /** As of the last `refresh`. */
  get config(): Config {
    return this.#config;
  }

  get registryAuth(): RegistryAuth {
    return this.#registryAuth;
  }

  /** Without the rules that the API has added. */
  get configured(): Config {
    return this.#configured;
  }

  /** At most as old as the book's page: a rule that was changed anywhere is in force here within a minute. An outage of the book's
   * changes no rule. */
  async refresh(now: number, later: Later): Promise<void> {
    const added = await this.#accessServices.snapshot.rules(now, later);
    if (!added || added.version === this.#version) return;
    this.#version = added.version;
    this.#config = withAdded(this.#configured, added.rules, this.#variables);
    this.#registryAuth = new RegistryAuth(this.#config, this.#accessServices);
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
    await this.#accessServices.snapshot.readNow(now);
    await this.refresh(now, later);
  }
}
