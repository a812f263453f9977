// Bearer tokens (distribution's token specification), requested from the realm that the challenge names.

import { z } from "zod";
import type { Login, RegistryCredentials } from "../../config/credentials.ts";
import type { Rule } from "../../config/rule.ts";
import { parseForeign } from "../../oci/json.ts";
import { plain } from "../../text/plain.ts";
import { readText } from "../client/body.ts";
import { NameFailure } from "../client/name-failure.ts";
import { type FollowOptions, fetchFollowing } from "../client/redirect.ts";
import { meaningOf, refusalAs } from "../client/refusal.ts";
import type { Challenge } from "./challenge.ts";
import { mayTrustRealm } from "./realm.ts";

export interface Token {
  authorization: string;
  /** Time in ms since the epoch after which it is no longer used, shortly before the token expires. */
  expiresAt: number;
}

const TOKEN_ANSWER_LIMIT = 256 * 1024;
/** Maximum length of a realm's host and origin in a message, in characters. */
const MAX_HOST_LENGTH = 255;
/** Default lifetime in s: "If omitted, this defaults to 60 seconds" (token specification, `expires_in`). */
const DEFAULT_LIFETIME = 60;

/** Maximum length of a token, in characters: thousands are kept, and servers accept no longer header. */
const MAX_TOKEN_LENGTH = 16 * 1024;

/** Fields that may hold the token; the first usable one counts. */
const TOKEN_FIELDS = ["token", "access_token"] as const;
/** Known fields of token answers. A message gives only the number of others: a field's name is the service's text,
 * and may be the password that was sent. */
const KNOWN_FIELDS = [
  ...["refresh_token", "id_token", "token_type", "scope", "expires_in", "issued_at"],
  ...["error", "error_description", "errors", "code", "message", "details"],
];

/** An unusable field counts as absent: only an answer without any token is an error. */
const value = z
  .string()
  .max(MAX_TOKEN_LENGTH)
  .regex(/^[\x21-\x7e]+$/)
  .optional()
  .catch(undefined);
const schema = z
  .object({
    token: value,
    access_token: value,
    // Less than a second is over before the token is used.
    expires_in: z.number().min(1).optional().catch(undefined),
  })
  .transform((answer) => ({
    token: answer.token ?? answer.access_token,
    life: answer.expires_in ?? DEFAULT_LIFETIME,
  }));

/** @param now in ms since the epoch */
export async function fetchToken(
  rule: Rule,
  { challenge, scope }: { challenge: Challenge; scope: string },
  credentials: RegistryCredentials | undefined,
  now: number,
): Promise<Token> {
  const { host } = rule.upstream;
  const text = challenge.parameters.get("realm") ?? "";
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (!realm || !/^https?:$/.test(realm.protocol) || realm.username || realm.password) {
    throw new NameFailure(`${host} names no usable token service in its challenge`);
  }
  // Checked without credentials too: an upstream alone must not make the cache request a host that the configuration
  // does not name.
  if (!mayTrustRealm(realm, rule)) {
    const what = credentials ? "sends credentials" : "sends token requests";
    throw new NameFailure(
      `${host} ${what} to ${plain(realm.host, MAX_HOST_LENGTH)}, which is another origin (scheme, host and port); if that is right, set the rule's \`realm\` to ${plain(realm.origin, MAX_HOST_LENGTH)}`,
    );
  }
  const service = challenge.parameters.get("service");
  const response = await askToken(rule, realm, { scope, ...(service && { service }) }, credentials);
  if (!response.ok) {
    // The body is not repeated: it may echo the form, with the password in any encoding.
    await response.body?.cancel();
    throw refusalAs(response, `${host}'s token service`, meaningOf(response.status), "");
  }
  const { firstByteTimeout: time, silenceTimeout: silence } = rule;
  const bounds = { bytes: TOKEN_ANSWER_LIMIT, silence, time, host };
  const body = parseForeign(await readText(response, bounds));
  const answer = schema.safeParse(body);
  if (!answer.success || answer.data.token === undefined) {
    const content = answer.success
      ? contentOf(body as object)
      : `something other than a JSON object${typeOf(response)}`;
    throw new NameFailure(`${host}'s token service answered without a token: it sent ${content}`);
  }
  const { token, life } = answer.data;
  // A fifth of the lifetime, at most ten seconds, is kept for the request that uses the token.
  const usable = life * 1000 - Math.min(10_000, life * 200);
  return { authorization: `Bearer ${token}`, expiresAt: now + usable };
}

/** Describes an answer without a token, but no values: one may be a secret. */
function contentOf(body: object): string {
  const fields = new Map(Object.entries(body));
  const tokens = TOKEN_FIELDS.filter((name) => fields.has(name)).map(
    (name) => `${name} (${flawOf(fields.get(name))})`,
  );
  const known = KNOWN_FIELDS.filter((name) => fields.has(name));
  const others = fields.size - tokens.length - known.length;
  const parts = [...tokens, ...known, ...(others > 0 ? [`${others} unknown fields`] : [])];
  return parts.length === 0 ? "an empty JSON object" : `a JSON object of ${parts.join(", ")}`;
}

function flawOf(token: unknown): string {
  if (token === null) return "null";
  if (typeof token !== "string") return "not a string";
  if (token === "") return "empty";
  return token.length > MAX_TOKEN_LENGTH
    ? `longer than ${MAX_TOKEN_LENGTH} characters`
    : "with characters that are invalid in a header";
}

function typeOf({ headers }: Response): string {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  return /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/.test(type.trim()) ? `, of type ${type.trim()}` : "";
}

/** GET first; POST (OAuth2) where GET is not supported, or to exchange an identity token. */
async function askToken(
  rule: Rule,
  realm: URL,
  query: Record<string, string>,
  credentials: RegistryCredentials | undefined,
): Promise<Response> {
  const identity = credentials && "token" in credentials ? credentials.token : undefined;
  const login = credentials && "username" in credentials ? credentials : undefined;
  if (!identity) {
    const url = new URL(realm);
    for (const [name, text] of Object.entries(query)) url.searchParams.append(name, text);
    const get = { url: url.href, method: "GET", headers: {} } as const;
    const response = await send(rule, login ? { ...get, authorization: basic(login) } : get);
    if (!login || ![400, 404, 405, 501].includes(response.status)) return response;
    await response.body?.cancel();
  }
  const form = new URLSearchParams({ ...query, client_id: "entrepot" });
  if (identity) {
    form.set("grant_type", "refresh_token");
    form.set("refresh_token", identity);
  } else if (login) {
    form.set("grant_type", "password");
    form.set("username", login.username);
    form.set("password", login.password);
  }
  return send(rule, {
    url: realm.href,
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: form.toString(),
  });
}

function send(rule: Rule, wanted: FollowOptions): Promise<Response> {
  return fetchFollowing(
    wanted,
    `${rule.upstream.host}'s token service`,
    rule.firstByteTimeout,
    new AbortController(),
  );
}

export function basic(login: Login): string {
  const bytes = new TextEncoder().encode(`${login.username}:${login.password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
