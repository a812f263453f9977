// Console sessions as cookie values: signed with a random key of this cache, and bound to the secret used to sign in,
// so that a change of the secret ends the session.

import { createHmac } from "node:crypto";
import { base64url, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { isSame } from "../administrators.ts";
import type { Role, Session, SessionState } from "../contract.ts";

const AUDIENCE = "entrepot-console";
const ALGORITHM = "HS256";

const schema = z.object({
  jti: z.string(),
  role: z.enum(["admin", "viewer"]),
  /** In ms since the epoch. */
  began: z.number(),
  /** A keyed hash of the secret, from which it cannot be guessed. */
  of: z.string(),
});

/** A secret, and the role that it grants. */
export type RoleSecret = readonly [Role, string];

export function signSession(
  { id, role, beganAt, endsAt }: Session,
  secret: string,
  { key }: SessionState,
): Promise<string> {
  return new SignJWT({ role, began: beganAt, of: hashOf(key, role, secret) })
    .setProtectedHeader({ alg: ALGORITHM })
    .setAudience(AUDIENCE)
    .setJti(id)
    .setExpirationTime(Math.floor(endsAt / 1000))
    .sign(bytesOf(key));
}

/** Undefined where the text is no session, or the session has ended or was begun with another secret. @param now in
 * ms since the epoch */
export async function sessionIn(
  text: string,
  secrets: readonly RoleSecret[],
  state: SessionState | undefined,
  now: number,
): Promise<{ id: string; role: Role } | undefined> {
  if (!state) return undefined;
  const checks = {
    audience: AUDIENCE,
    currentDate: new Date(now),
    algorithms: [ALGORITHM],
    requiredClaims: ["exp"],
  };
  const verified = await jwtVerify(text, bytesOf(state.key), checks).catch(() => undefined);
  const parsed = schema.safeParse(verified?.payload);
  if (!parsed.success) return undefined;
  const { jti: id, role, began, of } = parsed.data;
  if (state.ended.includes(id) || began <= (state.endedUntil[role] ?? 0)) return undefined;
  const isBound = secrets.some(
    ([own, secret]) => own === role && isSame(of, hashOf(state.key, role, secret)),
  );
  return isBound ? { id, role } : undefined;
}

function bytesOf(key: string): Uint8Array {
  return base64url.decode(key);
}

/** The hashed text has a line break, which the signed part of a JWT never has, so neither use of the key can be
 * mistaken for the other. */
function hashOf(key: string, role: Role, secret: string): string {
  return createHmac("sha256", bytesOf(key)).update(`${role}\n${secret}`).digest("base64url");
}
