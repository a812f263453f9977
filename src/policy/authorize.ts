// Authorization of pulls: the only place that decides it, for every endpoint and naming, hit or miss. Pure.

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

/** One entry of a token's `access` (distribution's token specification), with the resource that it covers. */
export interface Access {
  type: string;
  name: string;
  /** Empty if the access was requested and refused. */
  actions: string[];
  /** If granted, the target's resource; if refused, its naming, which reveals nothing that the client did not send. */
  resource: string;
}

/** The identity that a request has proved. */
export type Identity =
  | { kind: "anonymous" }
  /** Holder of a pull token, or of an issuer's token. */
  | { kind: "holder"; repositories: readonly string[] }
  /** Bearer of a token that this cache issued. */
  | { kind: "bearer"; access: readonly Access[] };

/** What a name resolves to, for a client at a given host and address. */
export interface Target {
  routed: Routed | undefined;
  /** Key that is equal for all names of one repository. Must not be shown to a client that may not pull it, since it reveals which names
   * are the same. */
  resource(): string;
  /** Key of the naming itself, regardless of what it resolves to. */
  naming(): string;
  /** The client may pull without authentication. */
  free: boolean;
  /** All names that a client could use for it. */
  names(): string[];
}

/** pull: allowed. login: authentication required. scope: the token does not cover this target, and a new one may. denied: not allowed. */
export type Verdict = "pull" | "login" | "scope" | "denied";

/** @param address of the client */
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

/** The same, for a name that was routed already. */
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
    // Includes the upstream: a replaced rule may have other images under the same names.
    resource: () => resourceOf(`${keyOf(rule)} ${rule.upstream.base} ${ownName(source)}`),
    naming: () => namingOf(naming),
    free: isFree(config, rule, naming.host, address),
    names: () => clientNames(config.rules, routed),
  };
}

/** Whether a client at this host and address may pull by the rule without authentication. */
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
  if (identity.kind === "anonymous") return "login";
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

/** The access entry of a token issued to an identity for a target; undefined if authentication is required first. It ignores that the
 * target may be free at the client's network or host: the token can be used elsewhere, and a free target needs no token. */
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

/** All names of a repository, so that a token with one of them in its list may use any. A name that routes elsewhere is left out:
 * `quay/app` of the default rule is not the `app` of a rule with the prefix `quay`. */
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

/** A key that no other rule has: each kind of claim is unique (config/names). */
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

/** Hashes of up to 5,000 texts: a hash costs more than the rest of a decision. */
const resources = new LRUCache<string, string>({ max: 5_000 });

function resourceOf(text: string): string {
  const known = resources.get(text);
  if (known !== undefined) return known;
  const made = digestOf(new TextEncoder().encode(text)).slice("sha256:".length, -32);
  resources.set(text, made);
  return made;
}
