// Administrators: callers with one of this deployment's secrets, or authenticated by Cloudflare Access and on one of
// its lists.

import { timingSafeEqual } from "node:crypto";
import type { Team } from "../config/auth.ts";
import { digestOf } from "../oci/hash.ts";
import { wildcard } from "../policy/wildcard.ts";
import type { Role } from "./contract.ts";
import { InvalidToken, type Issuers } from "./issuers/issuers.ts";

export interface Person {
  role: Role;
  /** Name in the audit log. */
  who: string;
  /** Id of the session that authenticated the caller. */
  session?: string;
}

/** Compares in constant time: digests are equally long. */
export function isSame(given: string, secret: string): boolean {
  const hash = (text: string) => new TextEncoder().encode(digestOf(new TextEncoder().encode(text)));
  return timingSafeEqual(hash(given), hash(secret));
}

/** @returns the administrator, or the reason for the refusal; throws UNAVAILABLE (503) where the issuer's keys cannot
 * be read */
export async function ofTeam(
  assertion: string,
  { team, audience, admins, viewers }: Team,
  issuers: Issuers,
  now: number,
): Promise<Person | { refused: string; known: boolean }> {
  try {
    const source = { issuer: team, jwksUri: `${team}/cdn-cgi/access/certs` };
    const claims = await issuers.verify(assertion, source, audience, now);
    const name = String(claims.email || claims.common_name || "").toLowerCase();
    const isOn = (list: readonly string[]) =>
      name !== "" && list.some((pattern) => wildcard(pattern.toLowerCase())(name));
    if (isOn(admins)) return { role: "admin", who: name };
    if (isOn(viewers)) return { role: "viewer", who: name };
    return { refused: "this account is neither an administrator nor a viewer", known: true };
  } catch (error) {
    if (!(error instanceof InvalidToken)) throw error;
    return { refused: error.message, known: false };
  }
}
