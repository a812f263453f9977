// Facts for client setup: the cache's address, the registries it mirrors, and whether clients must log in.

import { hasOfficialImages } from "../config/docker-hub.ts";
import { enforces } from "../config/enforcing.ts";
import type { Config } from "../config/read.ts";
import { registryHost } from "../config/upstream.ts";
import { registriesOf } from "../policy/route.ts";

/** Docker Hub's API host, which does not occur in image names. */
const DOCKER_HUB = registryHost("docker.io");

/** A registry as clients write it, and its replacement. */
export interface Mirrored {
  registry: string;
  /** Replacement of the registry host: the cache's host, with a prefix unless it is the default rule's. */
  location: string;
}

export interface Facts {
  /** Without a trailing slash. */
  url: string;
  host: string;
  /** Whether the cache is reached by plain HTTP, which clients must be configured for. */
  insecure: boolean;
  mirrored: readonly Mirrored[];
  /** Whether Docker Hub's rule is the default rule, which dockerd's `registry-mirrors` requires. */
  hubIsDefault: boolean;
  /** Whether clients must log in. */
  login: boolean;
  /** Whether a rule enforces a check, so that clients must have no way past the cache. */
  enforces: boolean;
}

/** What a request for set-up overrides; undefined: as configured. */
export interface SetupOptions {
  login?: boolean | undefined;
  enforces?: boolean | undefined;
}

export function factsOf(config: Config, url: URL, options: SetupOptions = {}): Facts {
  const rules = config.rules.filter(({ problem }) => !problem).map(({ rule }) => rule);
  const { host, origin, protocol } = url;
  const mirrored = new Map<string, Mirrored>();
  for (const rule of rules) {
    const [prefix] = rule.prefixes;
    if (prefix === undefined && !rule.default) continue; // by its own host name alone
    const location = prefix === undefined ? host : `${host}/${prefix}`;
    // Of several rules for a registry, the first is the one that `?ns=` selects.
    for (const registry of registriesOf(rule).filter((name) => name !== DOCKER_HUB))
      if (!mirrored.has(registry)) mirrored.set(registry, { registry, location });
  }
  return {
    url: origin,
    host,
    insecure: protocol === "http:",
    mirrored: [...mirrored.values()],
    hubIsDefault: rules.some((rule) => rule.default && hasOfficialImages(rule)),
    login: options.login ?? config.auth.mode === "token",
    // Also one that cannot be used: its 500 must not lead clients to the registry.
    enforces: options.enforces ?? config.rules.some(({ rule }) => enforces(rule)),
  };
}
