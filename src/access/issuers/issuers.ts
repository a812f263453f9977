// Issuers: verifies OIDC tokens of issuers that AUTH trusts. Their keys come by discovery (OpenID Connect Discovery
// 1.0, 4), never from another host than the issuer's; they are cached, and read again when one is unknown.

import {
  createLocalJWKSet,
  decodeJwt,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from "jose";
import { z } from "zod";
import { RegistryError } from "../../oci/error.ts";
import { parseForeign } from "../../oci/json.ts";
import { polled } from "../../platform/polling.ts";
import { reasonOf } from "../../text/plain.ts";
import { readText } from "../../upstream/client/body.ts";
import { fetchFollowing } from "../../upstream/client/redirect.ts";

/** Public-key algorithms only: with a shared-secret one, an issuer's public key could be used to sign. */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
/** Tolerance for clock differences, in s. */
const CLOCK_TOLERANCE = 30;
/** In ms: age at which keys are read again; age up to which they are used while the issuer does not answer; and
 * minimum interval between reads because of an unknown key. */
const REFRESH_AGE = 10 * 60_000;
const MAX_KEY_AGE = 24 * 60 * 60_000;
const REREAD_INTERVAL = 30_000;
/** Minimum interval in ms between a failed first read of an issuer's keys and the next one: requests in between do
 * not wait for the same failure. */
const FAILURE_INTERVAL = 10_000;
/** Interval in ms at which a request checks whether another request has read the keys. */
const POLL_INTERVAL = 10;
/** Timeout of an issuer's answer, in ms, and its maximum size, in bytes. */
const ANSWER_TIMEOUT = 5_000;
const MAX_ANSWER_BYTES = 256 * 1024;

const keySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).max(500),
});

/** The source of an issuer's keys. */
export interface KeySource {
  issuer: string;
  jwksUri?: string;
  jwks?: { keys: Record<string, unknown>[] };
}

/** The reason why a token is refused; contains no part of it. */
export class InvalidToken extends Error {}

interface CachedKeys {
  keys: ReturnType<typeof createLocalJWKSet>;
  at: number;
  /** When they were last requested, successfully or not. */
  askedAt: number;
}

export class Issuers {
  readonly #known = new Map<string, CachedKeys>();
  /** Issuer → start of a read under way, in ms since the epoch. */
  readonly #reading = new Map<string, number>();
  /** Issuer without known keys → its last failure, in ms since the epoch. */
  readonly #failed = new Map<string, number>();

  /** Throws InvalidToken, and UNAVAILABLE (503) where the issuer's keys cannot be read.
   * @param now in ms since the epoch */
  async verify(
    token: string,
    source: KeySource,
    audience: string[],
    now: number,
  ): Promise<JWTPayload> {
    const check = async (keys: CachedKeys["keys"]) => {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer: source.issuer,
        audience,
        clockTolerance: CLOCK_TOLERANCE,
        requiredClaims: ["exp"],
        currentDate: new Date(now),
      });
      return payload;
    };
    try {
      try {
        return await check(await this.#keysOf(source, now, false));
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        return await check(await this.#keysOf(source, now, true));
      }
    } catch (error) {
      if (error instanceof RegistryError) throw error;
      throw new InvalidToken(reasonFor(error, source));
    }
  }

  async #keysOf(source: KeySource, now: number, anew: boolean): Promise<CachedKeys["keys"]> {
    const { issuer, jwks } = source;
    if (jwks) return createLocalJWKSet(jwks as unknown as JSONWebKeySet);
    const known = this.#known.get(issuer);
    if (known && !anew && now - known.at < REFRESH_AGE) return known.keys;
    if (this.#isReading(issuer)) {
      const meanwhile = await this.#readByAnother(issuer, known?.at);
      if (meanwhile) return meanwhile;
    }
    if (known && now - known.askedAt < REREAD_INTERVAL) return known.keys;
    if (!known && Math.abs(now - (this.#failed.get(issuer) ?? 0)) < FAILURE_INTERVAL)
      throw keysUnavailable(issuer);
    if (known) known.askedAt = now;
    this.#reading.set(issuer, Date.now());
    try {
      const keys = createLocalJWKSet((await keysAt(source)) as unknown as JSONWebKeySet);
      this.#known.set(issuer, { keys, at: now, askedAt: now });
      return keys;
    } catch (error) {
      console.warn(`entrepot: reading the keys of ${issuer} failed: ${reasonOf(error)}`);
      if (known && now - known.at < MAX_KEY_AGE) return known.keys;
      this.#failed.set(issuer, now);
      throw keysUnavailable(issuer);
    } finally {
      this.#reading.delete(issuer);
    }
  }

  #isReading(issuer: string): boolean {
    return Date.now() - (this.#reading.get(issuer) ?? 0) < 2 * ANSWER_TIMEOUT;
  }

  /** Waits for another request's read, with timers of this one: a cancelled request resolves no promises. */
  async #readByAnother(
    issuer: string,
    before: number | undefined,
  ): Promise<CachedKeys["keys"] | undefined> {
    const ready = () => {
      const known = this.#known.get(issuer);
      if (known && known.at !== before) return { keys: known.keys };
      return this.#isReading(issuer) ? undefined : { keys: undefined };
    };
    return (await polled(ready, POLL_INTERVAL, 2 * ANSWER_TIMEOUT))?.keys;
  }
}

function keysUnavailable(issuer: string): RegistryError {
  const message = `the keys of the issuer ${issuer} cannot be read at the moment`;
  return new RegistryError("UNAVAILABLE", message, {
    status: 503,
    headers: { "Retry-After": "30" },
  });
}

/** The token's `iss`, unverified. */
export function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** The token's `aud`, unverified. */
export function audienceOf(token: string): string | string[] | undefined {
  try {
    return decodeJwt(token).aud;
  } catch {
    return undefined;
  }
}

async function keysAt({ issuer, jwksUri }: KeySource): Promise<z.infer<typeof keySet>> {
  return keySet.parse(await read(jwksUri ?? (await discovered(issuer))));
}

async function discovered(issuer: string): Promise<string> {
  // Cloudflare Access has its keys here, and no discovery document.
  if (new URL(issuer).hostname.endsWith(".cloudflareaccess.com"))
    return new URL("/cdn-cgi/access/certs", issuer).href;
  const document = z
    .object({ issuer: z.string(), jwks_uri: z.url() })
    .parse(await read(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`));
  if (document.issuer !== issuer) throw new Error("its discovery document names another issuer");
  const [own, keys] = [new URL(issuer), new URL(document.jwks_uri)];
  if (own.host !== keys.host || own.protocol !== keys.protocol)
    throw new Error(`its discovery document names keys at another host, ${keys.host}`);
  return keys.href;
}

/** Reads JSON, without following redirects. */
async function read(url: string): Promise<unknown> {
  const { host } = new URL(url);
  const controller = new AbortController();
  const wanted = {
    url,
    method: "GET",
    headers: { Accept: "application/json" },
    stay: true,
  } as const;
  const response = await fetchFollowing(wanted, host, ANSWER_TIMEOUT, controller);
  if (!response.ok) {
    controller.abort();
    throw new Error(`${host} answered ${response.status}`);
  }
  const text = await readText(response, {
    bytes: MAX_ANSWER_BYTES,
    silence: ANSWER_TIMEOUT,
    time: ANSWER_TIMEOUT,
    host,
  });
  return parseForeign(text);
}

function reasonFor(error: unknown, { issuer }: KeySource): string {
  if (error instanceof errors.JWTExpired) return `the token of ${issuer} has expired`;
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === "aud"
      ? `the token of ${issuer} is for another audience`
      : `the token of ${issuer} has no usable claim "${error.claim.slice(0, 16)}"`;
  return `the token is not signed by ${issuer}`;
}
