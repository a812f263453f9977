// UpstreamGate: one Durable Object per upstream and credential. The only place that reads a credential; it
// lends authorizations, so that any number of fills ask for one token. Tokens live in its memory alone.

import { DurableObject } from "cloudflare:workers";
import { type Credentials, readCredentials } from "../config/credentials.ts";
import type { Rule } from "../config/rule.ts";
import { call, type Outcome, RegistryError, settle } from "../oci/error.ts";
import { originOf } from "../policy/source.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { isRefusal } from "./refusal.ts";
import { basic, fetchToken, type Token } from "./token.ts";

/** One a repository. What is forgotten beyond that is asked for again. */
const MOST_TOKENS = 2000;

export class UpstreamGate extends DurableObject<Record<string, unknown>> {
  /** What the upstream asked for last: lets a token for another scope be fetched without a 401 before it. */
  #challenge: Challenge | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();

  /** The authorization to send at once; undefined where the upstream has not asked for any yet. */
  async lend(rule: Rule, scope: string): Promise<Outcome<string | undefined>> {
    return settle(async () => {
      const credentials = this.#credentials(rule);
      const known =
        this.#challenge && (await this.#tryAuthorize(rule, scope, this.#challenge, credentials));
      if (known) return known;
      return credentials && "token" in credentials ? `Bearer ${credentials.token}` : undefined;
    });
  }

  /** The authorization that answers a 401; undefined where there is nothing (else) to offer.
   * @param header its WWW-Authenticate
   * @param refused the authorization that it answers */
  async answer(
    rule: Rule,
    scope: string,
    header: string | null,
    refused: string | undefined,
  ): Promise<Outcome<string | undefined>> {
    return settle(async () => {
      const credentials = this.#credentials(rule);
      const challenges = parseChallenges(header);
      const challenge =
        challenges.find(({ scheme }) => scheme === "bearer") ??
        (credentials && challenges.find(({ scheme }) => scheme === "basic"));
      if (!challenge) return undefined;
      const key = tokenKey(challenge, scope);
      const held = await this.#tokens.get(key)?.catch(() => undefined);
      if (held?.authorization === refused) this.#tokens.delete(key);
      const told = challenge.parameters.get("scope");
      const offer = await this.#authorize(rule, key, told ?? scope, challenge, credentials);
      this.#challenge = challenge;
      return offer === refused ? undefined : offer;
    });
  }

  #credentials(rule: Rule): Credentials | undefined {
    if (rule.credentials === undefined) return undefined;
    const read = readCredentials(this.env, rule.credentials);
    if ("problem" in read) throw new RegistryError("UNKNOWN", read.problem);
    return read.credentials;
  }

  /** With a challenge of earlier. Where that fails it is forgotten, and the upstream asked what it wants today; but a
   * refusal is one: credentials are not tried twice. */
  async #tryAuthorize(
    rule: Rule,
    scope: string,
    challenge: Challenge,
    credentials: Credentials | undefined,
  ): Promise<string | undefined> {
    try {
      const key = tokenKey(challenge, scope);
      return await this.#authorize(rule, key, key, challenge, credentials);
    } catch (error) {
      if (!(error instanceof RegistryError) || isRefusal(error)) throw error;
      this.#challenge = undefined;
      return undefined;
    }
  }

  async #authorize(
    rule: Rule,
    key: string,
    scope: string,
    challenge: Challenge,
    credentials: Credentials | undefined,
  ): Promise<string | undefined> {
    if (challenge.scheme === "basic") {
      return credentials && "username" in credentials ? basic(credentials) : undefined;
    }
    const held = await this.#tokens.get(key)?.catch(() => undefined);
    if (held && held.expiresAt > Date.now()) return held.authorization;
    if (held) this.#tokens.delete(key);
    // Whoever comes while the token is being fetched shares it, with its error; an error is not kept.
    let fetching = this.#tokens.get(key);
    if (!fetching) {
      if (this.#tokens.size >= MOST_TOKENS) this.#tokens.clear();
      fetching = fetchToken(rule, challenge, scope, credentials, Date.now());
      this.#tokens.set(key, fetching);
      fetching.catch(() => {
        if (this.#tokens.get(key) === fetching) this.#tokens.delete(key);
      });
    }
    return (await fetching).authorization;
  }
}

/** What a token is kept under: a repository's scope, unless the upstream asks for one that is no repository's (ECR Public
 * asks for `aws`), which then serves all. */
function tokenKey(challenge: Challenge, scope: string): string {
  const told = challenge.parameters.get("scope");
  return told && !/(^|\s)repository:/.test(told) ? told : scope;
}

/** The gate as the rest of the house sees it. */
export interface Gate {
  lend(rule: Rule, scope: string): Promise<string | undefined>;
  answer(
    rule: Rule,
    scope: string,
    header: string | null,
    refused: string | undefined,
  ): Promise<string | undefined>;
}

export function openGate(namespace: DurableObjectNamespace<UpstreamGate>): Gate {
  const stub = (rule: Rule) => namespace.get(namespace.idFromName(originOf(rule)));
  return {
    lend: (rule, scope) => call(() => stub(rule).lend(rule, scope)),
    answer: (rule, scope, header, refused) =>
      call(() => stub(rule).answer(rule, scope, header, refused)),
  };
}
