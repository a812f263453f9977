// Refresh tokens: signed statements that name a pull token, which is looked up when one is used. They are not stored: a
// client may request any number, and each ends with its pull token.

import { base64url, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Page } from "../contract.ts";
import { SERVICE } from "./jwt.ts";

/** Their own audience: a token for pulling is no refresh token, nor the other way round. */
export const REFRESH_AUDIENCE = "entrepot-refresh";
const ALGORITHM = "HS256";

const schema = z.object({ token: z.string() });

/** Undefined where there is no key.
 * @param expiresAt of the pull token, in ms since the epoch
 * @param now in ms since the epoch */
export async function signRefreshToken(
  tokenId: string,
  expiresAt: number | undefined,
  { refreshKey }: Pick<Page, "refreshKey">,
  now: number,
): Promise<string | undefined> {
  if (refreshKey === undefined) return undefined;
  const statement = new SignJWT({ token: tokenId })
    .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
    .setIssuer(SERVICE)
    .setAudience(REFRESH_AUDIENCE)
    .setJti(crypto.randomUUID())
    .setIssuedAt(Math.floor(now / 1000));
  if (expiresAt !== undefined) statement.setExpirationTime(Math.floor(expiresAt / 1000));
  return statement.sign(bytesOf(refreshKey));
}

/** Returns the id of the pull token that it names; `expired` where that has expired; undefined where the text is no
 * refresh token of this cache.
 * @param now in ms since the epoch */
export async function refreshedBy(
  text: string,
  { refreshKey }: Pick<Page, "refreshKey">,
  now: number,
): Promise<{ tokenId: string } | "expired" | undefined> {
  if (refreshKey === undefined) return undefined;
  try {
    const { payload } = await jwtVerify(text, bytesOf(refreshKey), {
      algorithms: [ALGORITHM],
      issuer: SERVICE,
      audience: REFRESH_AUDIENCE,
      typ: "JWT",
      currentDate: new Date(now),
    });
    return { tokenId: schema.parse(payload).token };
  } catch (error) {
    return (error as { code?: string }).code === "ERR_JWT_EXPIRED" ? "expired" : undefined;
  }
}

function bytesOf(key: string): Uint8Array {
  return base64url.decode(key);
}
