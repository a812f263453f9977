// This cache's own tokens: short-lived JWTs (RFC 7519), signed with Ed25519, that say what their bearer may pull of
// what was requested (distribution's token specification, "JWT").

import { decodeProtectedHeader, importJWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { atMost } from "../../platform/bounded.ts";
import type { Access } from "../../policy/authorize.ts";
import type { AccessSnapshot, Later } from "../access-snapshot.ts";
import type { Page, SigningKey } from "../contract.ts";

export const SERVICE = "entrepot";
/** Lifetime of a token, in s. */
export const LIFE = 5 * 60;
/** Subject of an anonymous token. */
export const ANONYMOUS = "anonymous";

export interface Claims {
  /** `token` and a pull token's id, an issuer and its subject, or ANONYMOUS. */
  subject: string;
  /** Id of the pull token that it was derived from. */
  tokenId?: string;
  access: Access[];
  /** CIDR ranges it is valid in; empty: everywhere. */
  networks: string[];
  /** In s since the epoch. */
  expiresAt: number;
  /** Its pulls do not count as use of an image for retention. Absent: they do. */
  touches?: false;
}

const schema = z.object({
  sub: z.string(),
  exp: z.number(),
  token: z.string().optional(),
  networks: z.array(z.string()).default([]),
  touches: z.literal(false).optional(),
  access: z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      actions: z.array(z.string()),
      resource: z.string(),
    }),
  ),
});

/** Maximum number of verified tokens that are remembered, by their text: verifying one costs more than serving a hit. */
const MAX_VERIFIED = 2_000;

/** @param now in ms since the epoch
 * @returns the token, and when it was issued, in s since the epoch */
export async function issue(
  claims: Omit<Claims, "expiresAt">,
  life: number,
  page: Page,
  now: number,
): Promise<{ token: string; issuedAt: number }> {
  const key = signingKey(page, now);
  const issuedAt = Math.floor(now / 1000);
  const { subject, tokenId, access, networks, touches } = claims;
  const payload: JWTPayload = {
    access,
    ...(tokenId !== undefined && { token: tokenId }),
    ...(networks.length > 0 && { networks }),
    ...(touches === false && { touches }),
  };
  const token = await new SignJWT(payload)
    .setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid: key.kid })
    .setIssuer(SERVICE)
    .setAudience(SERVICE)
    .setSubject(subject)
    .setJti(crypto.randomUUID())
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt - 60)
    .setExpirationTime(issuedAt + life)
    .sign(await importJWK(key.jwk, "EdDSA"));
  return { token, issuedAt };
}

/** The newest key that may sign yet. */
export function signingKey({ keys }: Pick<Page, "keys">, now: number): SigningKey {
  const signing = keys.findLast(({ signsFrom }) => signsFrom <= now) ?? keys[0];
  if (!signing) throw new Error("no signing key");
  return signing;
}

/** Why a token is refused; an expired one does not count as a failed login. */
export type Invalid = "expired" | "invalid";

export class Verifier {
  readonly #snapshot: AccessSnapshot;
  readonly #verified = new LRUCache<string, Claims>(atMost(MAX_VERIFIED));

  constructor(snapshot: AccessSnapshot) {
    this.#snapshot = snapshot;
  }

  /** Whether the token was verified here before. */
  knows(token: string): boolean {
    return this.#verified.has(token);
  }

  /** @param now in ms since the epoch */
  async verify(token: string, now: number, later: Later): Promise<Claims | Invalid> {
    const known = this.#verified.get(token);
    const claims = known ?? (await this.#anew(token, now, later));
    if (typeof claims === "string") return claims;
    if (!known) this.#verified.set(token, claims);
    if (claims.expiresAt * 1000 <= now) return "expired";
    const { tokenId } = claims;
    if (tokenId !== undefined && (await this.#snapshot.isRevoked(tokenId, now, later)))
      return "invalid";
    return claims;
  }

  async #anew(token: string, now: number, later: Later): Promise<Claims | Invalid> {
    try {
      const { kid } = decodeProtectedHeader(token);
      const own = ({ keys }: Page) => keys.find((key) => key.kid === kid);
      const key =
        own(await this.#snapshot.page(now, later)) ??
        own(await this.#snapshot.newerPage(now, later));
      if (!key) return "invalid";
      const { d: _, ...publicKey } = key.jwk;
      const { payload } = await jwtVerify(token, await importJWK(publicKey, "EdDSA"), {
        algorithms: ["EdDSA"],
        issuer: SERVICE,
        audience: SERVICE,
        typ: "JWT",
        currentDate: new Date(now),
      });
      const { sub, exp, token: tokenId, access, networks, touches } = schema.parse(payload);
      const quiet = touches === false && { touches };
      const claims = { subject: sub, access, networks, expiresAt: exp, ...quiet };
      return tokenId === undefined ? claims : { ...claims, tokenId };
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "ERR_JWT_EXPIRED") return "expired";
      if (code?.startsWith("ERR_J") || error instanceof z.ZodError || error instanceof TypeError)
        return "invalid";
      throw error; // an error of the access object
    }
  }
}
