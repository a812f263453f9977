// Who may pull what: the one place that decides it, for every endpoint, every naming, hit or miss. Pure.

import { LRUCache } from "lru-cache";
import { isWithin } from "../config/network.ts";
import type { Config, ConfiguredRule } from "../config/read.ts";
import type { Rule } from "../config/rule.ts";
import { digestOf } from "../oci/hash.ts";
import { namesOf } from "./allowed.ts";
import { globMatcher } from "./glob.ts";
import {
  isOneOf,
  type Naming,
  type Routed,
  registriesOf,
  route,
  routeFull,
  withoutPort,
} from "./route.ts";
import { ownName } from "./source.ts";

/** One entry of a token's `access` (distribution's token specification), and what it really speaks of. */
export interface Access {
  type: string;
  name: string;
  /** Empty: it was asked for, and is refused. */
  actions: string[];
  /** However the client has named it. */
  resource: string;
}

/** Who asks, as far as that was proven. */
export type Identity =
  | { kind: "nobody" }
  /** With a pull token, or an issuer's. */
  | { kind: "holder"; repositories: readonly string[] }
  /** With a token of ours. */
  | { kind: "bearer"; access: readonly Access[] };

/** What a name leads to, for whoever asks from there. */
export interface Target {
  routed: Routed | undefined;
  /** The same for all names of the same. It tells nothing of what it was made from. */
  resource(): string;
  /** Whoever asks may, and need not say who he is. */
  free: boolean;
  /** All that a client could call it. */
  names(): string[];
}

/** pull: he may. login: nobody, who may be somebody. scope: his token does not speak of this; another may. denied: he may not. */
export type Verdict = "pull" | "login" | "scope" | "denied";

/** @param address that the request comes from */
export function targetOf(config: Config, naming: Naming, address: string | undefined): Target {
  const routed = route(config.rules, naming);
  if (!routed) {
    const { name, ns } = naming;
    const full = ns === undefined ? name : `${ns}/${name}`;
    return {
      routed,
      resource: () => resourceOf(`unknown ${full}`),
      free: config.auth.mode === "open",
      names: () => [full],
    };
  }
  return targetAt(config, routed, naming.host, address);
}

/** The same, for a name that was routed. */
export function targetAt(
  config: Config,
  routed: Routed,
  host: string | undefined,
  address: string | undefined,
): Target {
  const { rule } = routed.configured;
  const source = { rule, repository: routed.repository };
  return {
    routed,
    resource: () => resourceOf(`${keyOf(rule)} ${ownName(source)}`),
    free: isFree(config, rule, host, address),
    names: () => clientNames(config.rules, routed),
  };
}

/** Whether whoever comes to this host, from this address, may pull by that rule without saying who he is. */
export function isFree(
  { auth }: Config,
  { anonymous, networks, secretHosts }: Rule,
  host: string | undefined,
  address: string | undefined,
): boolean {
  if (auth.mode === "open" || anonymous || isWithin(address, networks)) return true;
  return host !== undefined && isOneOf(host, secretHosts);
}

export function verdictOf(identity: Identity, target: Target): Verdict {
  if (target.free) return "pull";
  if (identity.kind === "nobody") return "login";
  if (identity.kind === "holder") {
    return mayPull(identity.repositories, target) ? "pull" : "denied";
  }
  const meant = target.resource();
  const entries = identity.access.filter(({ resource }) => resource === meant);
  if (entries.length === 0) return "scope";
  return entries.some(({ actions }) => actions.includes("pull")) ? "pull" : "denied";
}

export function mayPull(repositories: readonly string[], target: Target): boolean {
  const names = target.names();
  return repositories.some((glob) => names.some(globMatcher(glob)));
}

/** What the repository can be called, so that whoever has one name in his list may use them all. A name that leads elsewhere is not
 * its own: `quay/app` of the default rule is not what a prefix `quay` has. */
function clientNames(
  rules: readonly ConfiguredRule[],
  { configured, repository }: Routed,
): string[] {
  const { rule } = configured;
  const owns = namesOf({ rule, repository });
  const hosts = [...rule.hosts, ...registriesOf(rule)].map(withoutPort);
  const under = [...rule.prefixes, ...hosts].flatMap((base) => owns.map((own) => `${base}/${own}`));
  const names = new Set([...under, ...(rule.default ? owns : [])]);
  return [...names].filter((name) => {
    const routed = routeFull(rules, name);
    return routed?.configured === configured && routed.repository === repository;
  });
}

/** What no other rule has: each kind of claim is unique among its kind (config/names). */
function keyOf(rule: Rule): string {
  const of = (kind: string, claims: readonly string[]) =>
    claims.slice(0, 1).map((claim) => `${kind} ${claim}`);
  const [key] = [
    ...of("prefix", rule.prefixes),
    ...of("host", [...rule.hosts, ...rule.secretHosts]),
    ...of("ns", rule.ns),
  ];
  return key ?? "default";
}

/** So many are remembered: a hash costs more than the rest of a decision. */
const resources = new LRUCache<string, string>({ max: 5_000 });

function resourceOf(text: string): string {
  const known = resources.get(text);
  if (known !== undefined) return known;
  const made = digestOf(new TextEncoder().encode(text)).slice("sha256:".length, -32);
  resources.set(text, made);
  return made;
}
