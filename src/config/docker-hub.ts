// Docker Hub's naming: which rules use it, whether the upstream is Docker Hub itself or a proxy of it.

import type { Rule } from "./rule.ts";
import { isDockerHub, parseUpstream, registryHost } from "./upstream.ts";

/** Whether all names of the rule are Docker Hub's. */
export function hasHubNames(rule: Pick<Rule, "upstream" | "dockerHub">): boolean {
  // A rule sent to a Durable Object by an older version lacks dockerHub.
  return isDockerHub(rule.upstream) || rule.dockerHub === true;
}

/** Whether a name with one component is an official image, which is under `library/`. A proxy of Docker Hub has all of Docker Hub after
 * its `upstreamPrefix`; at Docker Hub itself the `upstreamPrefix` is a namespace, with images of its own under such names. */
export function hasOfficialImages(
  rule: Pick<Rule, "upstream" | "dockerHub" | "upstreamPrefix">,
): boolean {
  const isWithin = rule.upstreamPrefix !== undefined && isDockerHub(rule.upstream);
  return hasHubNames(rule) && !isWithin;
}

/** A rule as the admin API returns it. */
interface ListedRule {
  prefixes: readonly string[];
  upstream: string;
  upstreamPrefix?: string | undefined;
  /** Absent in the answer of an earlier version. */
  dockerHub?: boolean | undefined;
  /** Why it cannot be used. */
  problem?: string | undefined;
}

/** The name of Docker Hub's `alpine` in this cache, as an image to try; undefined where no usable rule with a prefix has official images. */
export function alpineIn(rules: readonly ListedRule[]): string | undefined {
  const usable = rules.filter(({ prefixes, problem }) => prefixes.length > 0 && !problem);
  const hub = usable.find(({ upstream, dockerHub = false, upstreamPrefix }) =>
    hasOfficialImages({
      upstream: parseUpstream(upstream, true),
      dockerHub,
      ...(upstreamPrefix !== undefined && { upstreamPrefix }),
    }),
  );
  return hub && `${hub.prefixes[0]}/library/alpine:latest`;
}

/** Usual names of Docker Hub and of proxies of it: `docker.io`, `docker-hub`, `hub-proxy`, `docker-remote`. */
const HUB =
  /(?:^|[^a-z0-9])(?:docker\.io|docker[-_]?hub|(?:docker|hub)[-_](?:proxy|mirror|cache|remote))(?:$|[^a-z0-9])/;
/** Hosts of public caches of Docker Hub (Google's). */
const HUB_CACHES = ["mirror.gcr.io"];
/** Registries that are no proxy of another, unless their path or the rule says so. */
const OTHERS =
  /^(?:ghcr\.io|quay\.io|(?:[a-z0-9-]+\.)?gcr\.io|registry\.k8s\.io|public\.ecr\.aws|mcr\.microsoft\.com|registry\.gitlab\.com)$/;

/** For `check`: a hint if a rule seems to be for a proxy of Docker Hub and lacks `dockerHub`. */
export function hubHint(rule: Rule): string | undefined {
  if (hasHubNames(rule)) return undefined;
  const { prefixes, hosts, ns, upstream, upstreamPrefix = "" } = rule;
  const [host = ""] = upstream.host.split("/");
  const names = [...prefixes, ...hosts, ...ns, upstream.host, upstreamPrefix];
  const isNamed = ns.includes(registryHost("docker.io")) || HUB_CACHES.includes(host);
  const seems = isNamed || names.some((name) => HUB.test(name.toLowerCase()));
  // dockerd's registry-mirrors, which requests names without a prefix, works for Docker Hub only.
  if (!seems && !(rule.default && !OTHERS.test(host))) return undefined;
  return `if ${upstream.host} is a proxy of Docker Hub, set dockerHub = true, so that "alpine" means library/alpine as at Docker Hub`;
}
