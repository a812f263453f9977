// Token services (realms): those that a rule names, and the built-in ones of registries whose token service is at another origin.

import type { Rule } from "./rule.ts";

interface Known {
  /** Matches the registry's origin; `$1` in `realm` is its first capture. */
  registry: RegExp;
  /** The origin of its token service, as its challenge names it. */
  realm: string;
}

/** Registries whose token service is at another origin. The others have theirs at their own origin (GHCR at ghcr.io/token, Quay at
 * quay.io/v2/auth, ECR Public at public.ecr.aws/token, Artifact Registry, MCR, Harbor), or need the rule's `realm`. */
const KNOWN: readonly Known[] = [
  // https://docs.docker.com/reference/api/registry/auth/
  { registry: /^https:\/\/registry-1\.docker\.io$/, realm: "https://auth.docker.io" },
  // https://github.com/portainer/portainer/issues/2956, https://github.com/deitch/docker_registry2/issues/14
  { registry: /^https:\/\/registry\.gitlab\.com$/, realm: "https://gitlab.com" },
  // Its challenge: realm="https://api.digitalocean.com/v2/registry/auth",service="registry.digitalocean.com"
  { registry: /^https:\/\/registry\.digitalocean\.com$/, realm: "https://api.digitalocean.com" },
  // Its challenge: realm="https://dockerauth.cn-hangzhou.aliyuncs.com/auth",service="registry.aliyuncs.com:cn-hangzhou:26842"
  {
    registry: /^https:\/\/registry\.([a-z]{2}-[a-z]+(?:-\d)?)\.aliyuncs\.com$/,
    realm: "https://dockerauth.$1.aliyuncs.com",
  },
];

/** Origins of the token services that the rule names. A bare host means https, and also http if the upstream is http. */
export function namedRealms({ realms, upstream }: Pick<Rule, "realms" | "upstream">): string[] {
  const isPlain = upstream.base.startsWith("http://");
  return realms.flatMap((realm) => {
    if (realm.includes("://")) return [realm];
    return [`https://${realm}`, ...(isPlain ? [`http://${realm}`] : [])].map(
      (url) => new URL(url).origin,
    );
  });
}

/** Origin of the built-in token service of a registry; undefined if there is none. */
export function knownRealm({ upstream }: Pick<Rule, "upstream">): string | undefined {
  const { origin } = new URL(upstream.base);
  const known = KNOWN.find(({ registry }) => registry.test(origin));
  return known && origin.replace(known.registry, known.realm);
}
