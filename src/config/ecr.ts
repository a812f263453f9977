// Private ECR registries: where the API is that gives a registry's logins (GetAuthorizationToken).

import { parseUpstream, type Upstream } from "./upstream.ts";

export interface EcrApi {
  /** Without a slash at its end. */
  endpoint: string;
  /** What requests are signed for. */
  region: string;
}

/** `<account>.dkr.ecr.<region>.amazonaws.com`, China's partition and FIPS endpoints included. */
const REGISTRY = /^\d{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)$/;

interface Given {
  kind: "oci" | "ecr";
  region: string | undefined;
  endpoint: string | undefined;
  insecure: boolean;
  upstream: Upstream | undefined;
  credentials: readonly string[];
}

/** Undefined for a rule of another kind, or one that is wrong.
 * @param say told of what is wrong, by field */
export function ecrApiOf(
  given: Given,
  say: (field: string, message: string) => void,
): EcrApi | undefined {
  const { kind, region, endpoint, insecure, upstream, credentials } = given;
  if (kind !== "ecr") {
    if (region !== undefined) say("region", 'is of rules with kind = "ecr" only');
    if (endpoint !== undefined) say("endpoint", 'is of rules with kind = "ecr" only');
    return undefined;
  }
  if (credentials.length === 0) say("credentials", "must name the secret with the access key");
  const signed = region ?? toldRegion(upstream);
  if (signed === undefined) {
    say("region", "is missing, and the upstream's host does not tell it");
    return undefined;
  }
  if (endpoint !== undefined) {
    const base = baseOf(endpoint, insecure, say);
    return base === undefined ? undefined : { endpoint: base, region: signed };
  }
  const own = ownEndpoint(upstream, signed);
  if (own !== undefined) return { endpoint: own, region: signed };
  say("endpoint", "is missing, and the upstream's host does not tell where the ECR API is");
  return undefined;
}

function toldRegion(upstream: Upstream | undefined): string | undefined {
  return REGISTRY.exec(upstream?.host ?? "")?.[2];
}

/** Amazon's own API for one of its registries; undefined where the upstream's host is none. */
export function ownEndpoint(upstream: Upstream | undefined, region: string): string | undefined {
  const [, fips = "", , domain] = REGISTRY.exec(upstream?.host ?? "") ?? [];
  if (domain === undefined) return undefined;
  return `https://${fips ? "ecr-fips" : "api.ecr"}.${region}.${domain}`;
}

function baseOf(
  endpoint: string,
  insecure: boolean,
  say: (field: string, message: string) => void,
): string | undefined {
  try {
    return parseUpstream(endpoint, insecure).base;
  } catch (error) {
    say("endpoint", (error as Error).message);
    return undefined;
  }
}
