// Requester: the identity that failures, pulls and upstream requests are counted under, so that one identity cannot use up shared capacity.
// It grants no permission.

import { digestOf } from "../oci/hash.ts";

/** Plain data, sent to Durable Objects. */
export interface Requester {
  /** Opaque and bounded: a hash of the token's subject, or of the client's network. */
  key: string;
  /** Maximum requests per minute that it may cause at one upstream; 0 for no limit. */
  perMinute: number;
}

/** The identity of prewarming, crons, refreshes by an administrator and background checks, which has no limit of upstream requests. */
export const BACKGROUND = "background";

/** The identity as authentication found it. It is hashed only if an upstream may be contacted, which spares warm pulls the cost. */
export interface Who {
  /** The token's subject, or the client's network. */
  identity: string;
  perMinute: number;
}

/** The part of a subject that its owner cannot multiply. GitHub's and GitLab's subjects end with a branch or an environment, of which
 * anybody with push access to one repository can create many, each an identity with its own share (Sybil attack).
 * @param subject `token …`, or an issuer's URL and its `sub` */
export function accountOf(subject: string): string {
  return /^\S+ (?:repo|project_path):[^:]+/.exec(subject)?.[0] ?? subject;
}

/** Length of a key, in hexadecimal digits: long enough that identities do not collide. */
const LENGTH = 24;

export function requesterOf({ identity, perMinute }: Who): Requester {
  const digest = digestOf(new TextEncoder().encode(identity));
  return { key: digest.slice("sha256:".length, "sha256:".length + LENGTH), perMinute };
}
