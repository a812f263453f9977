// OIDC tokens of issuers that AUTH trusts: their keys by discovery (OpenID Connect Discovery 1.0, 4), cached, read again when one is
// unknown, and never from another host than the issuer's.

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

/** Of public keys alone: with a shared secret, whoever knows an issuer's public key could sign. */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
/** Clocks differ, by so many s. */
const TOLERANCE = 30;
/** Keys are read again after this time; those that are had are used on for as long as this while the issuer is silent; and for a
 * key that is unknown they are read again at most this often. In ms. */
const FRESH = 10 * 60_000;
const USABLE = 24 * 60 * 60_000;
const REREAD_INTERVAL = 30_000;
/** An issuer whose keys were never had is asked again after this time, in ms: meanwhile nobody waits for the same failure. */
const FAILED = 10_000;
/** How often whoever finds that another is reading looks for what he has found, in ms. */
const POLL_INTERVAL = 10;
/** An issuer answers in this time, in ms, with so many bytes at most. */
const TIME = 5_000;
const BYTES = 256 * 1024;

const keySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).max(500),
});

/** Where an issuer's keys come from. */
export interface KeySource {
  issuer: string;
  jwksUri?: string;
  jwks?: { keys: Record<string, unknown>[] };
}

/** The token is no good, and why: words that hold nothing of it. */
export class NoGood extends Error {}

interface Known {
  keys: ReturnType<typeof createLocalJWKSet>;
  at: number;
  /** When they were last asked for, whatever came of it. */
  askedAt: number;
}

export class Issuers {
  readonly #known = new Map<string, Known>();
  /** When somebody began to read them, in ms since the epoch. */
  readonly #reading = new Map<string, number>();
  /** When that last failed of those that are not known, in ms since the epoch. */
  readonly #failed = new Map<string, number>();

  /** Throws NoGood, and UNAVAILABLE (503) where the issuer's keys cannot be had.
   * @param now in ms since the epoch */
  async verify(
    token: string,
    source: KeySource,
    audience: string[],
    now: number,
  ): Promise<JWTPayload> {
    const check = async (keys: Known["keys"]) => {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer: source.issuer,
        audience,
        clockTolerance: TOLERANCE,
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
      throw new NoGood(wordsFor(error, source));
    }
  }

  async #keysOf(source: KeySource, now: number, anew: boolean): Promise<Known["keys"]> {
    const { issuer, jwks } = source;
    if (jwks) return createLocalJWKSet(jwks as unknown as JSONWebKeySet);
    const known = this.#known.get(issuer);
    if (known && !anew && now - known.at < FRESH) return known.keys;
    if (this.#isReading(issuer)) {
      const meanwhile = await this.#readByAnother(issuer, known?.at);
      if (meanwhile) return meanwhile;
    }
    if (known && now - known.askedAt < REREAD_INTERVAL) return known.keys;
    if (!known && Math.abs(now - (this.#failed.get(issuer) ?? 0)) < FAILED) throw silent(issuer);
    if (known) known.askedAt = now;
    this.#reading.set(issuer, Date.now());
    try {
      const keys = createLocalJWKSet((await keysAt(source)) as unknown as JSONWebKeySet);
      this.#known.set(issuer, { keys, at: now, askedAt: now });
      return keys;
    } catch (error) {
      console.warn(`entrepot: the keys of ${issuer} were not read: ${reasonOf(error)}`);
      if (known && now - known.at < USABLE) return known.keys;
      this.#failed.set(issuer, now);
      throw silent(issuer);
    } finally {
      this.#reading.delete(issuer);
    }
  }

  #isReading(issuer: string): boolean {
    return Date.now() - (this.#reading.get(issuer) ?? 0) < 2 * TIME;
  }

  /** What another request of this isolate is reading: looked for by timers of one's own, since one that is cancelled resolves nothing. */
  async #readByAnother(
    issuer: string,
    before: number | undefined,
  ): Promise<Known["keys"] | undefined> {
    const ready = () => {
      const known = this.#known.get(issuer);
      if (known && known.at !== before) return { keys: known.keys };
      return this.#isReading(issuer) ? undefined : { keys: undefined };
    };
    return (await polled(ready, POLL_INTERVAL, 2 * TIME))?.keys;
  }
}

function silent(issuer: string): RegistryError {
  const message = `the keys of the issuer ${issuer} cannot be read at the moment`;
  return new RegistryError("UNAVAILABLE", message, {
    status: 503,
    headers: { "Retry-After": "30" },
  });
}

/** Who says that he made it; nothing is proven by that. */
export function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** Whom it is made for; nothing is proven by that either. */
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
  // Cloudflare Access has its keys here, and a discovery document for none of its teams.
  if (new URL(issuer).hostname.endsWith(".cloudflareaccess.com"))
    return new URL("/cdn-cgi/access/certs", issuer).href;
  const document = z
    .object({ issuer: z.string(), jwks_uri: z.url() })
    .parse(await read(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`));
  if (document.issuer !== issuer) throw new Error("its discovery document is of another issuer");
  const [own, keys] = [new URL(issuer), new URL(document.jwks_uri)];
  if (own.host !== keys.host || own.protocol !== keys.protocol)
    throw new Error(`its discovery document names keys at another host, ${keys.host}`);
  return keys.href;
}

/** JSON, without following anybody anywhere. */
async function read(url: string): Promise<unknown> {
  const { host } = new URL(url);
  const controller = new AbortController();
  const wanted = {
    url,
    method: "GET",
    headers: { Accept: "application/json" },
    stay: true,
  } as const;
  const response = await fetchFollowing(wanted, host, TIME, controller);
  if (!response.ok) {
    controller.abort();
    throw new Error(`${host} answered ${response.status}`);
  }
  const text = await readText(response, { bytes: BYTES, silence: TIME, time: TIME, host });
  return parseForeign(text);
}

function wordsFor(error: unknown, { issuer }: KeySource): string {
  if (error instanceof errors.JWTExpired) return `the token of ${issuer} has expired`;
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === "aud"
      ? `the token of ${issuer} is made for another audience than this cache's`
      : `the token of ${issuer} has no usable claim "${error.claim.slice(0, 16)}"`;
  return `the token is not one that ${issuer} has signed`;
}
