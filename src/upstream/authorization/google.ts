// Logins of Artifact Registry and GCR: a Google access token, in exchange for an assertion signed with a service
// account's key (RFC 7523).

import { importPKCS8, SignJWT } from "jose";
import { z } from "zod";
import type { Login, ServiceAccount } from "../../config/credentials.ts";
import type { Rule } from "../../config/rule.ts";
import { RegistryError } from "../../oci/error.ts";
import { meaningOf, refusalAs } from "../client/refusal.ts";
import { askCloud, type CloudAnswer } from "./cloud.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
/** User name that goes with an access token. */
const USERNAME = "oauth2accesstoken";
/** Lifetime of an assertion in s, the maximum that Google accepts. */
const ASSERTION_LIFE = 3600;

const answerSchema = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  /** In s. */
  expires_in: z.number().positive(),
});

/** @param now in ms since the epoch
 * @returns `life` in ms, usually an hour */
export async function googleLogin(
  rule: Rule,
  account: ServiceAccount,
  now: number,
): Promise<{ login: Login; life: number }> {
  const assertion = await sign(account, Math.floor(now / 1000));
  const answer = await askCloud(rule, {
    url: account.tokenUri,
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: GRANT_TYPE, assertion }).toString(),
  });
  if (!answer.ok) throw refusalIn(answer);
  const { data } = answerSchema.safeParse(answer.body);
  if (!data) throw new RegistryError("UNAVAILABLE", `${answer.host} answered without a login`);
  const { access_token: password, expires_in: seconds } = data;
  return { login: { username: USERNAME, password }, life: seconds * 1000 };
}

/** Sets no `sub`, which to Google names a user to impersonate. */
async function sign(account: ServiceAccount, now: number): Promise<string> {
  const { email, privateKey, privateKeyId, tokenUri } = account;
  try {
    return await new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(privateKeyId && { kid: privateKeyId }) })
      .setIssuer(email)
      .setAudience(tokenUri)
      .setIssuedAt(now)
      .setExpirationTime(now + ASSERTION_LIFE)
      .sign(await importPKCS8(privateKey, "RS256"));
  } catch {
    // The thrown error may contain the key.
    throw new RegistryError("UNKNOWN", "the service account's private_key is not a usable RSA key");
  }
}

/** Google answers 400 with `invalid_grant` for a deleted account or key, and for a wrong clock. */
const REFUSED = ["invalid_grant", "invalid_client", "unauthorized_client"];

function refusalIn(answer: CloudAnswer): RegistryError {
  const error = z.object({ error: z.string() }).safeParse(answer.body).data?.error ?? "";
  const meaning = meaningOf(REFUSED.includes(error) ? 401 : answer.status);
  return refusalAs(answer, answer.host, meaning, /^[a-z_]{1,60}$/.test(error) ? error : "");
}
