// Google's token endpoint, as far as it gives logins to a service account: the assertion verified as Google does.

import { generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { ServiceAccountKey } from "../wire.ts";
import { type Answer, json } from "./answer.ts";
import type { Asked } from "./route.ts";
import type { State } from "./state.ts";

const EMAIL = "robot@fixture.iam.gserviceaccount.com";
const KEY_ID = "0123456789abcdef0123456789abcdef01234567";
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
/** Seconds. */
const LONGEST = 3600;
const MOST_SKEW = 300;
const LIFE = 3599;

/** Made when it is first needed: it takes a while, and a key that lies in a repository looks lost. */
let pair: { publicKey: KeyObject; privateKey: KeyObject } | undefined;

function keys() {
  pair ??= generateKeyPairSync("rsa", { modulusLength: 2048 });
  return pair;
}

/** The key file of the only account, which asks for its logins in this repository's name. */
export function serviceAccount(state: State, repository: string): ServiceAccountKey {
  return {
    type: "service_account",
    project_id: "fixture",
    private_key_id: KEY_ID,
    private_key: keys().privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    client_email: EMAIL,
    client_id: "123456789012345678901",
    token_uri: `http://127.0.0.1:${state.ports.google}/${repository}/token`,
  };
}

export function google(
  state: State,
  { url, repository }: Asked,
  req: IncomingMessage,
  form: URLSearchParams,
): Answer {
  if (req.method !== "POST") return json(404, {});
  if (req.headers["content-type"] !== "application/x-www-form-urlencoded")
    return refused("invalid_request", "Bad content type");
  if (form.get("grant_type") !== GRANT_TYPE)
    return refused("unsupported_grant_type", `Invalid grant_type: ${form.get("grant_type")}`);
  const audience = `http://${req.headers.host}${url.pathname}`;
  const wrong = problemOf(form.get("assertion") ?? "", audience, Date.now() / 1000);
  if (wrong) return wrong;
  const { expiresIn = LIFE, lifetime = expiresIn ?? LIFE } = state.accounts.settingsFor(repository);
  const login = { username: "oauth2accesstoken", repository, size: 1000 };
  return json(200, {
    access_token: state.logins.issue(login, lifetime, Date.now()),
    ...(expiresIn !== null && { expires_in: expiresIn }),
    token_type: "Bearer",
  });
}

function refused(error: string, description: string, status = 400): Answer {
  return json(status, { error, error_description: description });
}

interface Claims {
  iss?: string;
  sub?: string;
  aud?: string;
  iat?: number;
  exp?: number;
  scope?: string;
}

/** `now` in seconds of the epoch. */
function problemOf(assertion: string, audience: string, now: number): Answer | undefined {
  const grant = (description: string) => refused("invalid_grant", description);
  const [head = "", body = "", signature = ""] = assertion.split(".");
  const header = decode(head) as { alg?: string; kid?: string } | undefined;
  const claims = decode(body) as Claims | undefined;
  if (!header || !claims) return refused("invalid_request", `Bad assertion: ${assertion}`);
  const { iss, sub = iss, aud, iat = 0, exp = 0, scope } = claims;
  if (iss !== EMAIL) return grant("Invalid grant: account not found");
  const isSigned = verify(
    "RSA-SHA256",
    Buffer.from(`${head}.${body}`),
    keys().publicKey,
    Buffer.from(signature, "base64url"),
  );
  if (header.alg !== "RS256" || (header.kid ?? KEY_ID) !== KEY_ID || !isSigned)
    return grant(`Invalid JWT Signature: ${assertion}`);
  if (exp <= now || exp - iat > LONGEST || iat > now + MOST_SKEW)
    return grant("Invalid JWT: Token must be a short-lived token (60 minutes)");
  if (aud !== audience) return grant("Invalid JWT: Failed audience check");
  if (sub !== iss) return refused("unauthorized_client", "Client is unauthorized", 401);
  return scope === SCOPE ? undefined : refused("invalid_scope", `Invalid OAuth scope: ${scope}`);
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}
