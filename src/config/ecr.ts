// Private ECR registries: the endpoint and region of the API that issues a registry's logins (GetAuthorizationToken).

import { parseUpstream, type Upstream } from "./upstream.ts";

export interface EcrApi {
  /** URL without a trailing slash. */
  endpoint: string;
  /** The region that requests are signed for. */
  region: string;
}

/** `<account>.dkr.ecr.<region>.amazonaws.com`, including the China partition and FIPS endpoints. */
const REGISTRY = /^\d{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)$/;

interface Given {
  kind: "oci" | "ecr";
  region: string | undefined;
  endpoint: string | undefined;
  insecure: boolean;
  upstream: Upstream | undefined;
  credentials: readonly string[];
}

/** The ECR API of a rule; undefined for a rule of another kind or an invalid one.
 * @param report receives each problem, with its field */
export function ecrApiOf(
  given: Given,
  report: (field: string, message: string) => void,
): EcrApi | undefined {
  const { kind, region, endpoint, insecure, upstream, credentials } = given;
  if (kind !== "ecr") {
    if (region !== undefined) report("region", 'is for rules with kind = "ecr" only');
    if (endpoint !== undefined) report("endpoint", 'is for rules with kind = "ecr" only');
    return undefined;
  }
  if (credentials.length === 0)
    report("credentials", "must name the secret that holds the access key");
  const signed = region ?? regionOf(upstream);
  if (signed === undefined) {
    report("region", "is missing, and the upstream's host does not contain it");
    return undefined;
  }
  if (endpoint !== undefined) {
    const base = baseOf(endpoint, insecure, report);
    return base === undefined ? undefined : { endpoint: base, region: signed };
  }
  const own = ownEndpoint(upstream, signed);
  if (own !== undefined) return { endpoint: own, region: signed };
  report("endpoint", "is missing, and cannot be derived from the upstream's host");
  return undefined;
}

function regionOf(upstream: Upstream | undefined): string | undefined {
  return REGISTRY.exec(upstream?.host ?? "")?.[2];
}

/** Amazon's public API endpoint for one of its registries; undefined for any other upstream host. */
export function ownEndpoint(upstream: Upstream | undefined, region: string): string | undefined {
  const [, fips = "", , domain] = REGISTRY.exec(upstream?.host ?? "") ?? [];
  if (domain === undefined) return undefined;
  return `https://${fips ? "ecr-fips" : "api.ecr"}.${region}.${domain}`;
}

function baseOf(
  endpoint: string,
  insecure: boolean,
  report: (field: string, message: string) => void,
): string | undefined {
  try {
    return parseUpstream(endpoint, insecure).base;
  } catch (error) {
    report("endpoint", (error as Error).message);
    return undefined;
  }
}
