// Bearer tokens (distribution's token specification): asked of the realm that the challenge names.

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
  /** In ms since the epoch; a token is no longer lent shortly before that. */
  expiresAt: number;
}

const TOKEN_ANSWER_LIMIT = 256 * 1024;
/** Of a realm's host and origin, in a message. */
const LONGEST_HOST = 255;
/** "If omitted, this defaults to 60 seconds" (token specification, `expires_in`). */
const DEFAULT_LIFE = 60;

/** Thousands of tokens are held; a server takes no header that is longer, in characters. */
const LONGEST_TOKEN = 16 * 1024;

/** What a service calls the token; the first that can be used counts. */
const NAMES = ["token", "access_token"] as const;
/** Fields that token services are known to answer with. Of others a message tells how many there are: what a field is called is the
 * service's word, and may be the password that it was sent. */
const KNOWN_FIELDS = [
  ...["refresh_token", "id_token", "token_type", "scope", "expires_in", "issued_at"],
  ...["error", "error_description", "errors", "code", "message", "details"],
];

/** A field that cannot be used counts as absent: only an answer without any token is of no use. */
const value = z
  .string()
  .max(LONGEST_TOKEN)
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
    life: answer.expires_in ?? DEFAULT_LIFE,
  }));

/** @param now ms since the epoch */
export async function fetchToken(
  rule: Rule,
  challenge: Challenge,
  scope: string,
  credentials: RegistryCredentials | undefined,
  now: number,
): Promise<Token> {
  const { host } = rule.upstream;
  const text = challenge.parameters.get("realm") ?? "";
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (!realm || !/^https?:$/.test(realm.protocol) || realm.username || realm.password) {
    throw new NameFailure(`${host} names no usable token service in its challenge`);
  }
  // Without credentials too: nobody's word alone has us ask a host that the configuration says nothing of.
  if (!mayTrustRealm(realm, rule)) {
    const what = credentials ? "asks for its credentials" : "has tokens asked for";
    throw new NameFailure(
      `${host} ${what} at ${plain(realm.host, LONGEST_HOST)}, which is another origin (scheme, host and port): name ${plain(realm.origin, LONGEST_HOST)} in the rule's \`realm\` if that is right`,
    );
  }
  const service = challenge.parameters.get("service");
  const response = await askToken(rule, realm, { scope, ...(service && { service }) }, credentials);
  if (!response.ok) {
    // Its words are not repeated: they may be the form, with the password in whatever encoding.
    await response.body?.cancel();
    throw refusalAs(response, `${host}'s token service`, meaningOf(response.status), "");
  }
  const { firstByteTimeout: time, silenceTimeout: silence } = rule;
  const bounds = { bytes: TOKEN_ANSWER_LIMIT, silence, time, host };
  const body = parseForeign(await readText(response, bounds));
  const answer = schema.safeParse(body);
  if (!answer.success || answer.data.token === undefined) {
    const told = answer.success
      ? contentOf(body as object)
      : `something that is no JSON object${typeOf(response)}`;
    throw new NameFailure(`${host}'s token service answered without a token: it sent ${told}`);
  }
  const { token, life } = answer.data;
  // A fifth of its life, ten seconds at most, is kept for the request that it is lent to.
  const usable = life * 1000 - Math.min(10_000, life * 200);
  return { authorization: `Bearer ${token}`, expiresAt: now + usable };
}

/** What was there in place of a token, without a value: one may be a secret. */
function contentOf(body: object): string {
  const fields = new Map(Object.entries(body));
  const tokens = NAMES.filter((name) => fields.has(name)).map(
    (name) => `${name} (${flawOf(fields.get(name))})`,
  );
  const known = KNOWN_FIELDS.filter((name) => fields.has(name));
  const others = fields.size - tokens.length - known.length;
  const parts = [...tokens, ...known, ...(others > 0 ? [`${others} unknown fields`] : [])];
  return parts.length === 0 ? "an empty JSON object" : `a JSON object of ${parts.join(", ")}`;
}

function flawOf(token: unknown): string {
  if (token === null) return "null";
  if (typeof token !== "string") return "no text";
  if (token === "") return "empty";
  return token.length > LONGEST_TOKEN
    ? `longer than ${LONGEST_TOKEN} characters`
    : "with characters that no header may have";
}

function typeOf({ headers }: Response): string {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  return /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/.test(type.trim()) ? `, but ${type.trim()}` : "";
}

/** GET first; POST (OAuth2) where GET is not offered, or where there is an identity token to exchange. */
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
