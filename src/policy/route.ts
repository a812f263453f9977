// Routing: the rule, and the repository at its upstream, that a request selects by host, `?ns=`, prefix, or default. Pure.

import { getDomain } from "tldts";
import { hasHubNames, hasOfficialImages } from "../config/docker-hub.ts";
import type { ConfiguredRule } from "../config/read.ts";
import type { Rule } from "../config/rule.ts";
import { registryHost } from "../config/upstream.ts";
import { RegistryError } from "../oci/error.ts";
import { isRepositoryName } from "../oci/name.ts";
import type { Source } from "./source.ts";

/** An image's name as a client sends it. */
export interface Naming {
  /** The name after /v2/. */
  name: string;
  /** Host of the request, with its port, in lower case. */
  host?: string | undefined;
  /** containerd's `?ns=`: the registry that it uses this cache for. */
  ns?: string | undefined;
}

export interface Routed {
  configured: ConfiguredRule;
  /** The repository's name at the upstream. */
  repository: string;
}

/** The source that a name leads to. */
export function sourceOf({ configured, repository }: Routed): Source {
  return { rule: configured.rule, repository };
}

/** As `sourceOf`. Throws UNKNOWN (500), with the reason, if the rule cannot be used. */
export function usableSourceOf(routed: Routed): Source {
  const { rule, problem } = routed.configured;
  if (problem)
    throw new RegistryError("UNKNOWN", `the rule "${rule.name}" cannot be used: ${problem}`);
  return sourceOf(routed);
}

type Rules = readonly ConfiguredRule[];

/** Routes a name; undefined if no rule matches. `ns` or a rule's host selects the rule, and then only that rule's own prefix is removed;
 * otherwise the longest prefix wins, and a name without a prefix goes to the default rule. */
export function route(rules: Rules, { name, ns, ...naming }: Naming): Routed | undefined {
  const host = plainHost(naming.host ?? "");
  const byHost = ruleOfHost(rules, host);
  if (ns === undefined && !byHost) return byPrefix(rules, name) ?? byDefault(rules, name, host);
  // A host and an `ns` that select different rules match nothing: the client could get an image that it did not mean.
  const candidates = byHost ? [byHost] : rules;
  const chosen = ns === undefined ? byHost : ruleOfNamespace(candidates, registryHost(ns), name);
  if (!chosen) return undefined;
  const prefix = ownPrefix(chosen.rule, name);
  return routed(chosen, prefix === undefined ? name : name.slice(prefix.length + 1));
}

/** The rule that a host selects. */
export function ruleOfHost(rules: Rules, host: string): ConfiguredRule | undefined {
  const plain = plainHost(host);
  const has = (name: string) =>
    rules.find(({ rule }) => rule.hosts.includes(name) || rule.secretHosts.includes(name));
  return has(plain) ?? has(withoutPort(plain));
}

/** Whether a host is listed; an entry with a port matches that port only. */
export function isOneOf(host: string, hosts: readonly string[]): boolean {
  const plain = plainHost(host);
  return hosts.includes(plain) || hosts.includes(withoutPort(plain));
}

/** Removes the root's dot: `mirror.example.com.` is the same host (RFC 1034, 3.1). */
function plainHost(host: string): string {
  return host.replace(/\.(?=(:\d+)?$)/, "");
}

/** The rule that an `ns` selects. Of several with one upstream, the rule whose prefix the name has comes first (`override_path`), then one
 * that lists the registry, then the first. */
function ruleOfNamespace(rules: Rules, registry: string, name: string): ConfiguredRule | undefined {
  const listed = rules.filter(({ rule }) => rule.ns.includes(registry));
  const own = rules.filter(({ rule }) => namespacesOf(rule).includes(registry));
  const named = [...listed, ...own].find(({ rule }) => ownPrefix(rule, name) !== undefined);
  return named ?? listed[0] ?? own.find(({ rule }) => isWhole(rule));
}

/** Routes a full image name, which may begin with a prefix, or with a host or a registry that selects a rule; tried in this order, so that
 * one name means one repository. */
export function routeFull(rules: Rules, name: string): Routed | undefined {
  const prefixed = byPrefix(rules, name);
  const [, first = "", rest = ""] = /^([^/]+)\/(.+)$/.exec(name) ?? [];
  if (prefixed || first === "") return prefixed ?? route(rules, { name });
  const all = (namesOf: (rule: Rule) => readonly string[]) =>
    rules.flatMap(({ rule }) => namesOf(rule)).find((host) => withoutPort(host) === first);
  const host = all((rule) => rule.hosts);
  if (host !== undefined) return route(rules, { name: rest, host });
  const ns = all(registriesOf);
  return ns === undefined ? route(rules, { name }) : route(rules, { name: rest, ns });
}

export function withoutPort(host: string): string {
  return host.replace(/:\d+$/, "");
}

function ownPrefix({ prefixes }: Rule, name: string): string | undefined {
  const matching = prefixes.filter((prefix) => name.startsWith(`${prefix}/`));
  return matching.toSorted((a, b) => b.length - a.length)[0];
}

/** The upstream's host in the forms that clients may send. */
function namespacesOf({ upstream }: Rule): string[] {
  const host = upstream.host.split("/")[0] as string;
  const isPlain = upstream.base.startsWith("http://") && !/:\d+$/.test(host);
  return isPlain ? [host, `${host}:80`] : [host];
}

/** The registries that select a rule, as users write them before a name. */
export function registriesOf(rule: Rule): string[] {
  const own = isWhole(rule) ? namespacesOf(rule) : [];
  return [...rule.ns, ...own].flatMap((host) =>
    host === registryHost("docker.io") ? [host, "docker.io"] : [host],
  );
}

/** The preferred beginning of a rule's full names; undefined for a default rule without another. */
export function baseOf({ prefixes, hosts, ns }: Rule): string | undefined {
  return [...prefixes, ...hosts, ...ns][0];
}

/** Whether a rule serves its whole upstream. With a path or an `upstreamPrefix` it serves a part, under other names than the registry's. */
function isWhole({ upstream, upstreamPrefix }: Rule): boolean {
  return !upstreamPrefix && !upstream.host.includes("/");
}

/** Routes by the longest prefix that matches whole components of the name. */
function byPrefix(rules: Rules, name: string): Routed | undefined {
  let best: { configured: ConfiguredRule; prefix: string } | undefined;
  for (const configured of rules) {
    const prefix = ownPrefix(configured.rule, name);
    if (prefix && prefix.length > (best?.prefix.length ?? 0)) best = { configured, prefix };
  }
  return best && routed(best.configured, name.slice(best.prefix.length + 1));
}

function byDefault(rules: Rules, name: string, host: string): Routed | undefined {
  const configured = rules.find(({ rule }) => rule.default);
  if (!configured || isSibling(rules, host)) return undefined;
  // No namespace of Docker Hub contains a dot: this is an image of another registry, which has no rule.
  if (hasHubNames(configured.rule) && /^[^/]*\./.test(name) && name.includes("/")) return undefined;
  return routed(configured, name);
}

/** Whether a host is a sibling of a rule's host (`x.mirror.example.com` and `docker.mirror.example.com`): where hosts name registries, one
 * without a rule must not serve the default rule's images. Siblings directly under a registrable domain do not count. */
function isSibling(rules: Rules, host: string): boolean {
  const parent = parentOf(host);
  if (parent === undefined || getDomain(parent) === parent) return false;
  return rules.some(({ rule }) => rule.hosts.some((own) => parentOf(own) === parent));
}

function parentOf(host: string): string | undefined {
  const bare = withoutPort(host);
  // An IP address has no parent.
  if (/^[\d.]+$|^\[/.test(bare) || !bare.includes(".")) return undefined;
  return bare.slice(bare.indexOf(".") + 1);
}

function routed(configured: ConfiguredRule, rest: string): Routed | undefined {
  const repository = upstreamRepository(configured.rule, rest);
  return isRepositoryName(repository) ? { configured, repository } : undefined;
}

/** The repository at the upstream; adds the `library/` of Docker Hub's official images, as Docker's client does. */
export function upstreamRepository(rule: Rule, rest: string): string {
  const name = hasOfficialImages(rule) && !rest.includes("/") ? `library/${rest}` : rest;
  return rule.upstreamPrefix ? `${rule.upstreamPrefix}/${name}` : name;
}
