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
  /** Of what is granted the target's resource; of what is refused its naming, which tells nothing that the client did not say. */
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
  /** The same for all names of the same. Whoever may not pull it is not to see it: it tells which names those are. */
  resource(): string;
  /** The same for the same naming alone, whatever it leads to. */
  naming(): string;
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
      naming: () => namingOf(naming),
      free: config.auth.mode === "open",
      names: () => [full],
    };
  }
  return targetAt(config, routed, naming, address);
}

/** The same, for a name that was routed. */
export function targetAt(
  config: Config,
  routed: Routed,
  naming: Naming,
  address: string | undefined,
): Target {
  const { rule } = routed.configured;
  const source = { rule, repository: routed.repository };
  return {
    routed,
    // With the upstream: a rule that is replaced may lead to other images by the same names.
    resource: () => resourceOf(`${keyOf(rule)} ${rule.upstream.base} ${ownName(source)}`),
    naming: () => namingOf(naming),
    free: isFree(config, rule, naming.host, address),
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
  const { access } = identity;
  const granted = target.resource();
  if (access.some(({ resource, actions }) => resource === granted && actions.includes("pull")))
    return "pull";
  const refused = target.naming();
  return access.some(({ resource }) => resource === refused) ? "denied" : "scope";
}

/** What a token of ours says of a target, for whoever asks for it with that identity. It counts wherever its bearer takes it: what he
 * may because of where he is, he may there without it. Undefined where nothing is to be said before he has logged in. */
export function accessTo(identity: Identity, name: string, target: Target): Access | undefined {
  const verdict = verdictOf(identity, { ...target, free: false });
  if (verdict === "login") return undefined;
  const isGranted = verdict === "pull";
  const resource = isGranted ? target.resource() : target.naming();
  return { type: "repository", name, actions: isGranted ? ["pull"] : [], resource };
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

function namingOf({ name, host, ns }: Naming): string {
  return resourceOf(["named", host, ns ?? "", name].join(" "));
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
