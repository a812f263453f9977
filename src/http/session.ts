// A browser's session: whoever has shown the admin token, or the viewer's, to the console's sign-in has a cookie for some hours. It is
// signed with a key that is made of that very secret: where the secret changes, the session has ended.

import { createHash } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import type { Role } from "../access/people.ts";
import { hostCookie, hostCookieIn } from "./cookies.ts";

/** In seconds. */
const LASTS = 12 * 60 * 60;
const NAME = "entrepot";
const AUDIENCE = "entrepot-console";

/** The cookie of somebody who has shown the secret of a role. @param now in ms since the epoch */
export async function sessionCookie(
  role: Role,
  secret: string,
  url: URL,
  now: number,
): Promise<string> {
  const token = await new SignJWT({ role })
    .setProtectedHeader({ alg: "HS256" })
    .setAudience(AUDIENCE)
    .setExpirationTime(Math.floor(now / 1000) + LASTS)
    .sign(keyOf(secret));
  return cookie(url, token, LASTS);
}

/** The cookie that ends a session. */
export function noSession(url: URL): string {
  return cookie(url, "", 0);
}

/** Whether the request's session is of this role: it was begun with this secret, and has not ended. */
export async function hasSession(
  request: Request,
  role: Role,
  secret: string,
  now: number,
): Promise<boolean> {
  const token = tokenIn(request);
  if (token === undefined) return false;
  try {
    const checks = { audience: AUDIENCE, currentDate: new Date(now), algorithms: ["HS256"] };
    const { payload } = await jwtVerify(token, keyOf(secret), checks);
    return payload.role === role;
  } catch {
    return false; // past, of another secret, or nothing of ours
  }
}

export function tokenIn(request: Request): string | undefined {
  return hostCookieIn(request, NAME);
}

/** `Lax`: a link from elsewhere leads to a page; what changes something is told apart by its origin (http/admin). */
function cookie(url: URL, value: string, age: number): string {
  return hostCookie(url, NAME, value, age, "Lax");
}

function keyOf(secret: string): Uint8Array {
  return createHash("sha256").update(`${AUDIENCE}\n${secret}`).digest();
}
