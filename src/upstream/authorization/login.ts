// Logins that a cloud gives for other credentials, for hours: of ECR for an access key, of Google for a service account.

import type { CloudCredentials, Login } from "../../config/credentials.ts";
import type { Rule } from "../../config/rule.ts";
import { ecrLogin } from "./ecr.ts";
import { googleLogin } from "./google.ts";

/** A tenth of a login's life is kept for the requests that it is lent to, and that much at most, in ms. */
const LONGEST_MARGIN = 5 * 60_000;

/** Asks for one. Throws UNAUTHORIZED or DENIED where the credentials are refused, TOOMANYREQUESTS, UNAVAILABLE, or
 * UNKNOWN where they cannot be used at all.
 * @param now ms since the epoch
 * @returns `expiresAt` in ms since the epoch: when the login is no longer lent */
export async function loginFor(
  rule: Rule,
  credentials: CloudCredentials,
  now: number,
): Promise<{ login: Login; expiresAt: number }> {
  const { login, life } =
    "accessKey" in credentials
      ? await ecrLogin(rule, credentials.accessKey, now)
      : await googleLogin(rule, credentials.serviceAccount, now);
  return { login, expiresAt: now + life - Math.min(LONGEST_MARGIN, life / 10) };
}
