// Authenticator: from a request's credentials to an identity, or to the reason for refusing them.

import type { Auth } from "../config/auth.ts";
import { isWithin } from "../config/network.ts";
import type { Identity } from "../policy/authorize.ts";
import { meetsAll } from "../policy/claims.ts";
import type { AccessSnapshot, Later } from "./access-snapshot.ts";
import type { PullToken } from "./contract.ts";
import { audienceOf, InvalidToken, type Issuers, issuerOf } from "./issuers/issuers.ts";
import type { Limits } from "./limits/limits.ts";
import { ANONYMOUS, SERVICE, type Verifier } from "./tokens/jwt.ts";
import { hashOf, isPullToken } from "./tokens/pull-token.ts";
import { REFRESH_AUDIENCE, refreshedBy } from "./tokens/refresh-token.ts";

export type Asker =
  | { who: "anonymous" }
  /** `counts` as a failed login, unless the credentials were valid once, or are valid elsewhere. `of`: the secret's
   * hash. */
  | { who: "refused"; why: string; counts: boolean; of?: string }
  | AuthenticatedClient;

export interface AuthenticatedClient {
  who: "client";
  /** Name for limits and for this cache's tokens. */
  subject: string;
  identity: Identity;
  networks: string[];
  tokenId?: string;
  /** In ms since the epoch. */
  expiresAt?: number;
  /** Its pulls do not count as use of an image for retention. Absent: they do. */
  touches?: false;
}

/** A request's credentials, which are never logged or forwarded. */
export interface PresentedCredentials {
  /** The Authorization header. */
  authorization: string | null;
  /** The header in which Cloudflare Access asserts an identity. */
  assertion: string | null;
  /** From a form; takes precedence over the header. */
  secret?: string;
}

/** Maximum length of a header with a token, in characters: this cache's own tokens, with the most scopes and
 * networks, have 27 thousand. */
const MAX_HEADER_LENGTH = 32 * 1024;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const MAX_SUBJECT_LENGTH = 256;

/** What credentials are checked with. */
export interface Checks {
  readonly snapshot: AccessSnapshot;
  readonly verifier: Verifier;
  readonly issuers: Issuers;
  readonly limits: Limits;
}

export class Authenticator {
  readonly #auth: Auth;
  readonly #snapshot: AccessSnapshot;
  readonly #verifier: Verifier;
  readonly #issuers: Issuers;
  readonly #limits: Limits;

  constructor(auth: Auth, { snapshot, verifier, issuers, limits }: Checks) {
    this.#auth = auth;
    this.#snapshot = snapshot;
    this.#verifier = verifier;
    this.#issuers = issuers;
    this.#limits = limits;
  }

  /** Throws UNAVAILABLE (503) where the credentials cannot be checked, and TOOMANYREQUESTS (429) after too many
   * guesses.
   * @param address of the client
   * @param now in ms since the epoch */
  async asker(
    { authorization, assertion, ...form }: PresentedCredentials,
    address: string | undefined,
    now: number,
    later: Later,
  ): Promise<Asker> {
    const inHeader = authorization === null ? assertion : secretIn(authorization);
    const secret = form.secret ?? inHeader;
    if (secret === undefined)
      return refused(
        "the Authorization header holds no credentials",
        true,
        hashOf(authorization ?? ""),
      );
    if (secret === null || secret === "") return { who: "anonymous" };
    const asker = await this.#ofSecret(secret, address, now, later);
    if (asker.who === "refused") return { ...asker, of: hashOf(secret) };
    if (asker.who !== "client" || asker.networks.length === 0) return asker;
    if (isWithin(address, asker.networks)) return asker;
    return refused("this token is not allowed from this address", false);
  }

  /** @param secret a pull token, a token of this cache, or an issuer's */
  async #ofSecret(
    secret: string,
    address: string | undefined,
    now: number,
    later: Later,
  ): Promise<Asker> {
    if (this.#verifier.knows(secret)) return this.#ofOwn(secret, now, later);
    if (isPullToken(secret)) return this.#ofPullToken(secret, address, now, later);
    if (secret.length > MAX_HEADER_LENGTH || !JWT.test(secret))
      return refused("the credentials are neither a token of this cache nor an issuer's token");
    if (issuerOf(secret) !== SERVICE) return this.#ofIssuer(secret, now);
    return audienceOf(secret) === REFRESH_AUDIENCE
      ? this.#ofRefreshToken(secret, address, now, later)
      : this.#ofOwn(secret, now, later);
  }

  async #ofPullToken(
    text: string,
    address: string | undefined,
    now: number,
    later: Later,
  ): Promise<Asker> {
    const token = await this.#snapshot.token(text, now, later, () =>
      this.#limits.lookingUp(address, now),
    );
    return holderOf(token);
  }

  /** The signature is checked first: only tokens that this cache has signed are looked up. */
  async #ofRefreshToken(
    text: string,
    address: string | undefined,
    now: number,
    later: Later,
  ): Promise<Asker> {
    const read = await refreshedBy(text, await this.#snapshot.page(now, later), now);
    if (read === "expired") return holderOf("past");
    if (!read) return refused("not a refresh token of this cache");
    const lookingUp = () => this.#limits.lookingUp(address, now);
    return holderOf(await this.#snapshot.holder(read.tokenId, now, later, lookingUp));
  }

  async #ofOwn(text: string, now: number, later: Later): Promise<Asker> {
    const claims = await this.#verifier.verify(text, now, later);
    if (claims === "expired") return refused("the token has expired; request another", false);
    if (claims === "invalid") return refused("not a token of this cache, or no longer valid");
    const { subject, access, networks, tokenId, expiresAt, touches } = claims;
    const identity: Identity =
      subject === ANONYMOUS ? { kind: "anonymous" } : { kind: "bearer", access };
    return {
      who: "client",
      subject,
      identity,
      networks,
      expiresAt: expiresAt * 1000,
      ...(tokenId !== undefined && { tokenId }),
      ...(touches === false && { touches }),
    };
  }

  /** Several entries may trust one issuer, each for other claims: the token may pull what all matching entries allow
   * together, and counts as use of an image only if all of them say so. */
  async #ofIssuer(text: string, now: number): Promise<Asker> {
    const iss = issuerOf(text);
    const trusted = this.#auth.issuers.filter(({ issuer }) => issuer === iss);
    if (trusted.length === 0) return refused("the token's issuer is not trusted");
    let why = "the token's claims meet none of the conditions for its issuer";
    const repositories: string[] = [];
    let touches = true;
    let known: { subject: string; expiresAt: number } | undefined;
    for (const source of trusted) {
      try {
        const claims = await this.#issuers.verify(text, source, source.audience, now);
        if (!meetsAll(claims, source.claims)) continue;
        repositories.push(...source.repositories);
        touches &&= source.touches !== false;
        const name = String(claims.sub || claims.common_name || "").slice(0, MAX_SUBJECT_LENGTH);
        known = { subject: `${iss} ${name}`, expiresAt: (claims.exp as number) * 1000 };
      } catch (error) {
        if (!(error instanceof InvalidToken)) throw error;
        why = error.message;
      }
    }
    if (!known) return refused(why);
    const identity: Identity = { kind: "holder", repositories };
    const quiet = !touches && { touches: false as const };
    return { who: "client", identity, networks: [], ...known, ...quiet };
  }
}

/** A token that was valid once is no guess: a node that still sends it must not block its neighbours. */
function holderOf(token: PullToken | "past" | undefined): Asker {
  if (token === undefined || token === "past")
    return refused("the pull token is unknown, expired or revoked", token === undefined);
  const { id, repositories, networks, expiresAt, touches } = token;
  return {
    who: "client",
    subject: `token ${id}`,
    identity: { kind: "holder", repositories },
    networks,
    tokenId: id,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(touches === false && { touches }),
  };
}

function refused(why: string, counts = true, of?: string): Asker {
  return { who: "refused", why, counts, ...(of !== undefined && { of }) };
}

/** Returns the token: the password of Basic, its user where the password is empty (RFC 7617), or Bearer's (RFC 6750).
 * Undefined where the header is neither. */
function secretIn(authorization: string): string | undefined {
  const [, scheme = "", value = ""] = /^(basic|bearer) +(\S+) *$/i.exec(authorization) ?? [];
  if (value === "" || value.length > MAX_HEADER_LENGTH) return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  try {
    const text = atob(value);
    const colon = text.indexOf(":");
    if (colon < 0) return undefined;
    return text.slice(colon + 1) || text.slice(0, colon);
  } catch {
    return undefined;
  }
}
