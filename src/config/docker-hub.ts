// Docker Hub's names: which rules have them, be their upstream Docker Hub itself or another registry in front of it.

import type { Rule } from "./rule.ts";
import { isDockerHub, registryHost } from "./upstream.ts";

/** Whether all its names are Docker Hub's. */
export function hasHubNames(rule: Pick<Rule, "upstream" | "dockerHub">): boolean {
  // A rule that an older version sends to an object has no such field.
  return isDockerHub(rule.upstream) || rule.dockerHub === true;
}

/** Whether a name of one part is an official image here, which is kept under `library/`. A proxy of Docker Hub has all of Docker Hub
 * behind its `upstreamPrefix`; at Docker Hub itself that is a namespace, whose images have names of one part of their own. */
export function hasOfficialImages(
  rule: Pick<Rule, "upstream" | "dockerHub" | "upstreamPrefix">,
): boolean {
  const isWithin = rule.upstreamPrefix !== undefined && isDockerHub(rule.upstream);
  return hasHubNames(rule) && !isWithin;
}

/** As people call Docker Hub and what is in front of it: `docker.io`, `docker-hub`, `hub-proxy`, `docker-remote`. */
const HUB =
  /(?:^|[^a-z0-9])(?:docker\.io|docker[-_]?hub|(?:docker|hub)[-_](?:proxy|mirror|cache|remote))(?:$|[^a-z0-9])/;
/** Google's cache of Docker Hub. */
const HUB_CACHES = ["mirror.gcr.io"];
/** Registries of their own, which stand in front of no other where neither their path nor the rule says so. */
const OTHERS =
  /^(?:ghcr\.io|quay\.io|(?:[a-z0-9-]+\.)?gcr\.io|registry\.k8s\.io|public\.ecr\.aws|mcr\.microsoft\.com|registry\.gitlab\.com)$/;

/** For `check`: a sentence where a rule seems to be for Docker Hub's names at another registry, and does not say so. */
export function hubHint(rule: Rule): string | undefined {
  if (hasHubNames(rule)) return undefined;
  const { prefixes, hosts, ns, upstream, upstreamPrefix = "" } = rule;
  const [host = ""] = upstream.host.split("/");
  const names = [...prefixes, ...hosts, ...ns, upstream.host, upstreamPrefix];
  const isNamed = ns.includes(registryHost("docker.io")) || HUB_CACHES.includes(host);
  const seems = isNamed || names.some((name) => HUB.test(name.toLowerCase()));
  // dockerd's registry-mirrors, which asks without a prefix, is for Docker Hub alone.
  if (!seems && !(rule.default && !OTHERS.test(host))) return undefined;
  return `if ${upstream.host} stands in front of Docker Hub, say dockerHub = true: then "alpine" means library/alpine there, as at Docker Hub`;
}
