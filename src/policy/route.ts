// Which rule, and which repository at its upstream, a request means: it may be told by host, by `?ns=`, by prefix, or
// not at all. Decides, does not act.

import { getDomain } from "tldts";
import { hasHubNames, hasOfficialImages } from "../config/docker-hub.ts";
import type { ConfiguredRule } from "../config/read.ts";
import type { Rule } from "../config/rule.ts";
import { registryHost } from "../config/upstream.ts";
import { isRepositoryName } from "../oci/name.ts";

/** How a client names an image. */
export interface Naming {
  /** Behind /v2/. */
  name: string;
  /** The host that the request came to, with its port, in lower case. */
  host?: string | undefined;
  /** containerd's `?ns=`: the registry that it takes us for. */
  ns?: string | undefined;
}

export interface Routed {
  configured: ConfiguredRule;
  /** The repository's name at the upstream. */
  repository: string;
}

type Rules = readonly ConfiguredRule[];

/** Undefined: no rule for this name. `ns` and a rule's host choose the rule, and then only that rule's own prefix is
 * taken off; otherwise the longest prefix wins, and what has none is the default rule's. */
export function route(rules: Rules, { name, ns, ...naming }: Naming): Routed | undefined {
  const host = plainHost(naming.host ?? "");
  const byHost = ruleOfHost(rules, host);
  if (ns === undefined && !byHost) return byPrefix(rules, name) ?? byDefault(rules, name, host);
  // Told in two ways that do not agree, there is no answer: one client would get an image that it did not mean.
  const candidates = byHost ? [byHost] : rules;
  const chosen = ns === undefined ? byHost : ruleOfNamespace(candidates, registryHost(ns), name);
  if (!chosen) return undefined;
  const prefix = ownPrefix(chosen.rule, name);
  return routed(chosen, prefix === undefined ? name : name.slice(prefix.length + 1));
}

/** The rule that a host is of, whatever is asked for there. */
export function ruleOfHost(rules: Rules, host: string): ConfiguredRule | undefined {
  const plain = plainHost(host);
  const has = (name: string) =>
    rules.find(({ rule }) => rule.hosts.includes(name) || rule.secretHosts.includes(name));
  return has(plain) ?? has(withoutPort(plain));
}

/** One that is listed with its port is that one alone. */
export function isOneOf(host: string, hosts: readonly string[]): boolean {
  const plain = plainHost(host);
  return hosts.includes(plain) || hosts.includes(withoutPort(plain));
}

/** `mirror.example.com.` is the same host (RFC 1034, 3.1). */
function plainHost(host: string): string {
  return host.replace(/\.(?=(:\d+)?$)/, "");
}

/** Several rules may share an upstream: the one whose prefix the name has goes first (`override_path`), then one that
 * lists the registry itself, then the first. */
function ruleOfNamespace(rules: Rules, registry: string, name: string): ConfiguredRule | undefined {
  const listed = rules.filter(({ rule }) => rule.ns.includes(registry));
  const own = rules.filter(({ rule }) => namespacesOf(rule).includes(registry));
  const named = [...listed, ...own].find(({ rule }) => ownPrefix(rule, name) !== undefined);
  return named ?? listed[0] ?? own.find(({ rule }) => isWhole(rule));
}

/** What a whole image name means, which may begin with a prefix, or with a host or a registry that a rule stands for; in this order, so
 * that one name means one repository. */
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

/** The upstream's host, as clients may say it. */
function namespacesOf({ upstream }: Rule): string[] {
  const host = upstream.host.split("/")[0] as string;
  const isPlain = upstream.base.startsWith("http://") && !/:\d+$/.test(host);
  return isPlain ? [host, `${host}:80`] : [host];
}

/** The registries that a rule stands for, as people write them before a name. */
export function registriesOf(rule: Rule): string[] {
  const own = isWhole(rule) ? namespacesOf(rule) : [];
  return [...rule.ns, ...own].flatMap((host) =>
    host === registryHost("docker.io") ? [host, "docker.io"] : [host],
  );
}

/** What whole names of a rule begin with, its own name for them first; undefined for a default rule that has no other. */
export function baseOf({ prefixes, hosts, ns }: Rule): string | undefined {
  return [...prefixes, ...hosts, ...ns][0];
}

/** A rule under a path, or with `upstreamPrefix`, serves a part of its upstream: the registry's own names are others. */
function isWhole({ upstream, upstreamPrefix }: Rule): boolean {
  return !upstreamPrefix && !upstream.host.includes("/");
}

/** The longest prefix that matches whole parts of the name wins. */
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
  if (!configured || isBeside(rules, host)) return undefined;
  // No namespace of Docker Hub has a dot: this is another registry's image, for which there is no rule.
  if (hasHubNames(configured.rule) && /^[^/]*\./.test(name) && name.includes("/")) return undefined;
  return routed(configured, name);
}

/** Whether a host stands beside a rule's (`x.mirror.example.com` beside `docker.mirror.example.com`): where hosts name
 * registries, one that belongs to no rule must not mean the default's images. Beside each other right under a
 * registrable domain stands everything; that says nothing. */
function isBeside(rules: Rules, host: string): boolean {
  const parent = parentOf(host);
  if (parent === undefined || getDomain(parent) === parent) return false;
  return rules.some(({ rule }) => rule.hosts.some((own) => parentOf(own) === parent));
}

function parentOf(host: string): string | undefined {
  const bare = withoutPort(host);
  // An address has no parent.
  if (/^[\d.]+$|^\[/.test(bare) || !bare.includes(".")) return undefined;
  return bare.slice(bare.indexOf(".") + 1);
}

function routed(configured: ConfiguredRule, rest: string): Routed | undefined {
  const repository = upstreamRepository(configured.rule, rest);
  return isRepositoryName(repository) ? { configured, repository } : undefined;
}

/** Docker Hub keeps its official images under `library/`, and docker's client adds that silently. */
export function upstreamRepository(rule: Rule, rest: string): string {
  const name = hasOfficialImages(rule) && !rest.includes("/") ? `library/${rest}` : rest;
  return rule.upstreamPrefix ? `${rule.upstreamPrefix}/${name}` : name;
}
