// Live configuration: the deployed configuration merged with the rules added through the API, rebuilt when those change.

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
  /** Undefined until the API's rules are read for the first time. */
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

  /** The deployed configuration, without rules added through the API. */
  get configured(): Config {
    return this.#configured;
  }

  /** Reads the API's rules from the access snapshot, so a change takes effect within a minute. While the access object is
   * unavailable, the rules stay as they were. */
  async refresh(now: number, later: Later): Promise<void> {
    const added = await this.#accessServices.snapshot.rules(now, later);
    if (!added || added.version === this.#version) return;
    this.#version = added.version;
    this.#config = withAdded(this.#configured, added.rules, this.#variables);
    this.#registryAuth = new RegistryAuth(this.#config, this.#accessServices);
    for (const { rule, problem, added } of this.#config.rules)
      if (added && problem)
        console.error(
          `entrepot: the rule "${rule.name}", added through the API, cannot be used: ${problem}`,
        );
    for (const { name, problem } of this.#config.aside)
      console.error(`entrepot: the rule "${name}", added through the API, is ignored: ${problem}`);
  }

  /** Applies a change made through this isolate at once. */
  async changed(now: number, later: Later): Promise<void> {
    await this.#accessServices.snapshot.readNow(now);
    await this.refresh(now, later);
  }
}
