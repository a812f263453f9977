// loginFor: logins that a cloud gives for other credentials, valid for hours: ECR for an access key, Google for a
// service account.

import type { CloudCredentials, Login } from "../../config/credentials.ts";
import type { Rule } from "../../config/rule.ts";
import { ecrLogin } from "./ecr.ts";
import { googleLogin } from "./google.ts";

/** Maximum margin before a login expires, in ms, for the requests that use it; in general a tenth of its lifetime. */
const MAX_MARGIN = 5 * 60_000;

/** Requests a login. Throws UNAUTHORIZED or DENIED where the credentials are refused, TOOMANYREQUESTS, UNAVAILABLE,
 * or UNKNOWN where they cannot be used at all.
 * @param now in ms since the epoch
 * @returns `expiresAt` in ms since the epoch: when the login is no longer used */
export async function loginFor(
  rule: Rule,
  credentials: CloudCredentials,
  now: number,
): Promise<{ login: Login; expiresAt: number }> {
  const { login, life } =
    "accessKey" in credentials
      ? await ecrLogin(rule, credentials.accessKey, now)
      : await googleLogin(rule, credentials.serviceAccount, now);
  return { login, expiresAt: now + life - Math.min(MAX_MARGIN, life / 10) };
}
