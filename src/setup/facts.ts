// What setting a client up needs to know of a cache: where it is, what it stands for, and whether one has to log in.

import { hasOfficialImages } from "../config/docker-hub.ts";
import type { Config } from "../config/read.ts";
import { registryHost } from "../config/upstream.ts";
import { registriesOf } from "../policy/route.ts";

/** Under this name nobody writes its images. */
const DOCKER_HUB = registryHost("docker.io");

/** A registry as clients write it, and what they write in its place. */
export interface Mirrored {
  registry: string;
  /** What comes before the repository's name here: the cache's host, and a prefix unless it is the default rule's. */
  location: string;
}

export interface Facts {
  /** Without a slash at its end. */
  url: string;
  host: string;
  /** Plain http, which clients have to be told. */
  insecure: boolean;
  mirrored: readonly Mirrored[];
  /** Docker Hub's rule is the default one, as dockerd's `registry-mirrors` wants it. */
  hubIsDefault: boolean;
  /** Clients have to log in. */
  login: boolean;
}

/** @param login undefined: as the cache has it */
export function factsOf(config: Config, url: URL, login: boolean | undefined): Facts {
  const rules = config.rules.filter(({ problem }) => !problem).map(({ rule }) => rule);
  const { host, origin, protocol } = url;
  const mirrored = new Map<string, Mirrored>();
  for (const rule of rules) {
    const [prefix] = rule.prefixes;
    if (prefix === undefined && !rule.default) continue; // by its own host name alone
    const location = prefix === undefined ? host : `${host}/${prefix}`;
    // The first that stands for a registry is the one that `?ns=` leads to.
    for (const registry of registriesOf(rule).filter((name) => name !== DOCKER_HUB))
      if (!mirrored.has(registry)) mirrored.set(registry, { registry, location });
  }
  return {
    url: origin,
    host,
    insecure: protocol === "http:",
    mirrored: [...mirrored.values()],
    hubIsDefault: rules.some((rule) => rule.default && hasOfficialImages(rule)),
    login: login ?? config.auth.mode === "token",
  };
}
