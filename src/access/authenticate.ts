// Who asks: from the credentials that a request brings along to an identity, or to why they are none.

import type { Auth } from "../config/auth.ts";
import { isWithin } from "../config/network.ts";
import type { Identity } from "../policy/authorize.ts";
import { meetsAll } from "../policy/claims.ts";
import type { AccessSnapshot, Later } from "./access-snapshot.ts";
import type { PullToken } from "./contract.ts";
import { audienceOf, type Issuers, issuerOf, NoGood } from "./issuers/issuers.ts";
import type { Limits } from "./limits/limits.ts";
import { ANONYMOUS, SERVICE, type Verifier } from "./tokens/jwt.ts";
import { hashOf, isPullToken } from "./tokens/pull-token.ts";
import { REFRESH, refreshedBy } from "./tokens/refresh-token.ts";

export type Asker =
  | { who: "nobody" }
  /** `counts` as a failed login: not what was good once, or is good elsewhere. @field of the secret's hash */
  | { who: "refused"; why: string; counts: boolean; of?: string }
  | Somebody;

export interface Somebody {
  who: "somebody";
  /** For limits and for tokens of ours. */
  subject: string;
  identity: Identity;
  networks: string[];
  tokenId?: string;
  /** In ms since the epoch. */
  expiresAt?: number;
  /** Nothing that it does keeps an image alive. Absent: it does. */
  touches?: false;
}

/** What came along, of which nothing is ever logged or sent on. */
export interface Presented {
  /** The header. */
  authorization: string | null;
  /** Cloudflare Access' word, which it puts onto what passes it. */
  assertion: string | null;
  /** Of a form: it goes before the header. */
  secret?: string;
}

/** A header that is longer holds no token of anybody's, in characters: our own, with all scopes and networks that fit, has 27 thousand. */
const MAX_HEADER = 32 * 1024;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const LONGEST_SUBJECT = 256;

export class Authenticator {
  readonly #auth: Auth;
  readonly #snapshot: AccessSnapshot;
  readonly #verifier: Verifier;
  readonly #issuers: Issuers;
  readonly #limits: Limits;

  constructor(
    auth: Auth,
    snapshot: AccessSnapshot,
    verifier: Verifier,
    issuers: Issuers,
    limits: Limits,
  ) {
    this.#auth = auth;
    this.#snapshot = snapshot;
    this.#verifier = verifier;
    this.#issuers = issuers;
    this.#limits = limits;
  }

  /** Throws UNAVAILABLE (503) where it cannot be told, and TOOMANYREQUESTS (429) for who has guessed too often.
   * @param address that the request comes from @param now in ms since the epoch */
  async asker(
    { authorization, assertion, ...form }: Presented,
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
    if (secret === null || secret === "") return { who: "nobody" };
    const asker = await this.#ofSecret(secret, address, now, later);
    if (asker.who === "refused") return { ...asker, of: hashOf(secret) };
    if (asker.who !== "somebody" || asker.networks.length === 0) return asker;
    if (isWithin(address, asker.networks)) return asker;
    return refused("this token may not be used from this address", false);
  }

  /** @param secret a pull token, a token of ours, or one of an issuer's */
  async #ofSecret(
    secret: string,
    address: string | undefined,
    now: number,
    later: Later,
  ): Promise<Asker> {
    if (this.#verifier.knows(secret)) return this.#ofOwn(secret, now, later);
    if (isPullToken(secret)) return this.#ofPullToken(secret, address, now, later);
    if (secret.length > MAX_HEADER || !JWT.test(secret))
      return refused("this is no token: neither one of this cache's, nor one of an issuer's");
    if (issuerOf(secret) !== SERVICE) return this.#ofIssuer(secret, now);
    return audienceOf(secret) === REFRESH
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

  /** Its signature is checked first: only what this cache has signed is looked up. */
  async #ofRefreshToken(
    text: string,
    address: string | undefined,
    now: number,
    later: Later,
  ): Promise<Asker> {
    const read = await refreshedBy(text, await this.#snapshot.page(now, later), now);
    if (read === "expired") return holderOf("past");
    if (!read) return refused("this is no refresh token of this cache's");
    const lookingUp = () => this.#limits.lookingUp(address, now);
    return holderOf(await this.#snapshot.holder(read.tokenId, now, later, lookingUp));
  }

  async #ofOwn(text: string, now: number, later: Later): Promise<Asker> {
    const claims = await this.#verifier.verify(text, now, later);
    if (claims === "expired") return refused("the token has expired; ask for another", false);
    if (claims === "invalid") return refused("this is no token of this cache's, or is one no more");
    const { subject, access, networks, tokenId, expiresAt, touches } = claims;
    const identity: Identity =
      subject === ANONYMOUS ? { kind: "nobody" } : { kind: "bearer", access };
    return {
      who: "somebody",
      subject,
      identity,
      networks,
      expiresAt: expiresAt * 1000,
      ...(tokenId !== undefined && { tokenId }),
      ...(touches === false && { touches }),
    };
  }

  /** Several entries may trust one issuer, each for other claims: what all that are met allow; and where one of them says that it keeps
   * nothing alive, it does not. */
  async #ofIssuer(text: string, now: number): Promise<Asker> {
    const iss = issuerOf(text);
    const trusted = this.#auth.issuers.filter(({ issuer }) => issuer === iss);
    if (trusted.length === 0) return refused("the token's issuer is not one that is trusted here");
    let why = "the token's claims meet none of the conditions that its issuer is trusted under";
    const repositories: string[] = [];
    let touches = true;
    let known: { subject: string; expiresAt: number } | undefined;
    for (const source of trusted) {
      try {
        const claims = await this.#issuers.verify(text, source, source.audience, now);
        if (!meetsAll(claims, source.claims)) continue;
        repositories.push(...source.repositories);
        touches &&= source.touches !== false;
        const name = String(claims.sub || claims.common_name || "").slice(0, LONGEST_SUBJECT);
        known = { subject: `${iss} ${name}`, expiresAt: (claims.exp as number) * 1000 };
      } catch (error) {
        if (!(error instanceof NoGood)) throw error;
        why = error.message;
      }
    }
    if (!known) return refused(why);
    const identity: Identity = { kind: "holder", repositories };
    const quiet = !touches && { touches: false as const };
    return { who: "somebody", identity, networks: [], ...known, ...quiet };
  }
}

/** What was a token once is no guess: a node that still has it must not have its neighbours refused. */
function holderOf(token: PullToken | "past" | undefined): Asker {
  if (token === undefined || token === "past")
    return refused(
      "this pull token is not known, or has expired or been revoked",
      token === undefined,
    );
  const { id, repositories, networks, expiresAt, touches } = token;
  return {
    who: "somebody",
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

/** A token as the password of Basic, or as its user where there is no password (RFC 7617), or as Bearer's (RFC 6750). Undefined for
 * what is neither. */
function secretIn(authorization: string): string | undefined {
  const [, scheme = "", value = ""] = /^(basic|bearer) +(\S+) *$/i.exec(authorization) ?? [];
  if (value === "" || value.length > MAX_HEADER) return undefined;
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
