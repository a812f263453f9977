// Requester: the identity whose request makes the cache ask an upstream. Failures, pulls and cold questions are counted under it, so
// that one identity cannot use up what all share; nothing is permitted by it.

import { digestOf } from "../oci/hash.ts";

/** Plain data, handed to Durable Objects. */
export interface Requester {
  /** Opaque and bounded: a hash of the token's subject, or of the client's network. */
  key: string;
  /** Questions per minute that it may cause at one upstream; 0: no limit. */
  perMinute: number;
}

/** Prewarming, crons, refreshes by an administrator and checks behind an answer: one identity, without a limit of cold questions. */
export const BACKGROUND = "background";

/** The identity as the door knows it. It is hashed only where an upstream may be asked: a warm pull does without. */
export interface Who {
  /** The token's subject, or the client's network. */
  identity: string;
  perMinute: number;
}

/** The part of a subject that one owner cannot multiply. GitHub's and GitLab's go on with a branch or an environment, of which everyone who
 * may push to one repository makes as many as they like: each would be an identity with a share of its own.
 * @param subject `token …`, or an issuer's URL and its `sub` */
export function accountOf(subject: string): string {
  return /^\S+ (?:repo|project_path):[^:]+/.exec(subject)?.[0] ?? subject;
}

/** Length of a key, in hexadecimal digits: two identities share one by chance only. */
const LENGTH = 24;

export function requesterOf({ identity, perMinute }: Who): Requester {
  const digest = digestOf(new TextEncoder().encode(identity));
  return { key: digest.slice("sha256:".length, "sha256:".length + LENGTH), perMinute };
}
