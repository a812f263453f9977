// Lender: lends authorizations, trying the rule's credentials in order.

import type { Rule } from "../../config/rule.ts";
import { RegistryError } from "../../oci/error.ts";
import { asRegistryError } from "../../platform/rpc.ts";
import { isRefusal, isRefused } from "../client/refusal.ts";
import type { AuthRefusal, Endpoint, LentAuthorization } from "../contract.ts";
import { Authorizer, type Credential } from "./authorizer.ts";
import { type Challenge, challengeIn } from "./challenge.ts";
import { type Key, Keyring } from "./keyring.ts";
import { openSecrets, type Secrets } from "./secrets.ts";

/** A request for an authorization. */
export interface AuthorizationRequest {
  rule: Rule;
  scope: string;
  /** Key of the identity; undefined for a transfer that is under way. */
  by: string | undefined;
  /** The requested endpoint; undefined in requests of an older version. */
  endpoint?: Endpoint | undefined;
}

type TokenErrorHandler = (
  error: RegistryError,
  wanted: Omit<AuthorizationRequest, "rule">,
) => Promise<RegistryError>;

type NewAuthorization = Pick<LentAuthorization, "authorization" | "fresh">;

export class Lender {
  readonly #secrets: Secrets;
  readonly #onTokenError: TokenErrorHandler;
  /** The upstream's latest challenge, with which a token for another scope is fetched without provoking a 401. */
  #challenge: Challenge | undefined;
  /** A 401 to referrers or tags says nothing about pulls. A refusal of pulls holds for lists too, so that a wrong
   * login is not tried at each. */
  readonly #keyrings = { pull: new Keyring(), tags: new Keyring(), referrers: new Keyring() };
  readonly #authorizer = new Authorizer((key) => {
    for (const keyring of Object.values(this.#keyrings)) keyring.accept(key);
  });

  /** @param onTokenError called with a token service's error; returns the error for clients */
  constructor(variables: Readonly<Record<string, unknown>>, onTokenError: TokenErrorHandler) {
    this.#secrets = openSecrets(variables);
    this.#onTokenError = onTokenError;
  }

  /** Returns the authorization to send first. */
  lend(wanted: AuthorizationRequest): Promise<LentAuthorization> {
    const { rule, scope } = wanted;
    return this.#offer(wanted, (key) => this.#atOnce(rule, scope, key));
  }

  /** Returns an authorization that answers a refusal; undefined where no other is available, and then the refusal is
   * remembered. */
  async answer(
    wanted: AuthorizationRequest,
    refused: AuthRefusal,
    lent: LentAuthorization,
  ): Promise<LentAuthorization | undefined> {
    const { rule, scope } = wanted;
    const keys = keysOf(rule);
    const again = (key: Key) => this.#again(wanted, refused, key, lent);
    let refusal: unknown;
    try {
      const other = lent.fresh ? undefined : await this.#try(wanted, lent.key, again);
      if (other?.authorization && other.authorization !== lent.authorization) {
        return { ...other, key: lent.key };
      }
      if (refused.passing) return undefined;
      this.#refuse(wanted, lent.key, refusalBy(rule, refused.status));
    } catch (error) {
      if (!isRefused(error)) throw error;
      refusal = error;
    }
    const next = keys[lent.key + 1];
    const keyring = this.#keyring(wanted);
    if (next !== undefined && !keyring.isRefused(next, wanted, Date.now())) {
      const nothing = { ...lent, authorization: undefined };
      return this.#offer(wanted, (key) => this.#again(wanted, refused, key, nothing));
    }
    if (refusal) throw refusal;
    // A 403 for all credentials may concern one item of the repository, so the others are not refused. The same holds
    // for a 401 without a challenge where the API does not exist.
    const isOfApi = wanted.endpoint === "referrers" && refused.challenge === null;
    if (refused.status === 403 || isOfApi)
      for (const one of this.#concerned(wanted)) one.forgive(keys, scope);
    return undefined;
  }

  /** Tries the credentials in order, until a token service accepts one. */
  async #offer(
    wanted: AuthorizationRequest,
    make: (key: Key) => Promise<NewAuthorization>,
  ): Promise<LentAuthorization> {
    const keys = keysOf(wanted.rule);
    for (let tries = 1; ; tries++) {
      const key = this.#keyring(wanted).pick(keys, wanted, Date.now());
      try {
        return { ...(await this.#try(wanted, key, make)), key };
      } catch (error) {
        if (!isRefused(error) || tries >= keys.length) throw error;
      }
    }
  }

  /** Makes an authorization; remembers a failure. */
  async #try(
    wanted: AuthorizationRequest,
    key: number,
    make: (key: Key) => Promise<NewAuthorization>,
  ): Promise<NewAuthorization> {
    const { rule, ...request } = wanted;
    const name = keysOf(rule)[key];
    try {
      return await make(name);
    } catch (error) {
      const failure = asRegistryError(error);
      // A wrong login is wrong for all scopes.
      if (failure.status === 401 && name) {
        for (const keyring of this.#concerned(wanted))
          keyring.refuseLogin(name, wanted, failure, Date.now());
        this.#warn(rule, key, failure);
      } else if (isRefused(failure)) this.#refuse(wanted, key, failure);
      throw failure.code === "UNKNOWN" ? failure : await this.#onTokenError(failure, request);
    }
  }

  /** Uses the previous challenge. If that fails, the challenge is forgotten and the upstream asked for a new one; a
   * refusal is final, since credentials are not tried twice. */
  async #atOnce(rule: Rule, scope: string, key: Key): Promise<NewAuthorization> {
    const credential = this.#credential(rule, key);
    const { credentials } = credential;
    const challenge = this.#challenge;
    if (challenge) {
      try {
        const kept = tokenCacheKey(challenge, scope);
        const made = await this.#authorizer.authorize(credential, { challenge, scope: kept, kept });
        if (made !== undefined) return { authorization: made, fresh: false };
      } catch (error) {
        if (isRefusal(error)) throw error;
        this.#challenge = undefined;
      }
    }
    const bare = credentials && "token" in credentials ? `Bearer ${credentials.token}` : undefined;
    return { authorization: bare, fresh: false };
  }

  /** Makes another authorization of the same credential: for the challenge that came with the refusal, or with a new
   * login, since ECR answers 403 to an expired one. */
  async #again(
    { rule, scope }: AuthorizationRequest,
    refused: AuthRefusal,
    key: Key,
    lent: LentAuthorization,
  ): Promise<NewAuthorization> {
    const credential = this.#credential(rule, key);
    const { credentials } = credential;
    const isLogin = credentials && ("username" in credentials || "token" in credentials);
    const challenge =
      challengeIn(refused.challenge, credentials !== undefined) ??
      (credentials && (!isLogin || lent.authorization === undefined) ? this.#challenge : undefined);
    if (!challenge) return { authorization: undefined, fresh: true };
    const kept = tokenCacheKey(challenge, scope);
    await this.#authorizer.forget(key, kept, lent.authorization);
    const authorization = await this.#authorizer.authorize(credential, {
      challenge,
      scope: challenge.parameters.get("scope") ?? scope,
      kept,
    });
    this.#challenge = challenge;
    return { authorization, fresh: true };
  }

  #keyring({ endpoint }: AuthorizationRequest): Keyring {
    const isList = endpoint === "tags" || endpoint === "referrers";
    return this.#keyrings[isList ? endpoint : "pull"];
  }

  /** The keyrings that a refusal applies to. */
  #concerned(wanted: AuthorizationRequest): Keyring[] {
    const own = this.#keyring(wanted);
    return own === this.#keyrings.pull ? Object.values(this.#keyrings) : [own];
  }

  #refuse(wanted: AuthorizationRequest, key: number, error: RegistryError): void {
    const { rule, scope } = wanted;
    for (const keyring of this.#concerned(wanted))
      keyring.refuse(keysOf(rule)[key], scope, error, Date.now());
    this.#warn(rule, key, error);
  }

  #warn(rule: Rule, key: number, error: RegistryError): void {
    const keys = keysOf(rule);
    const next = keys[key + 1];
    if (next === undefined) return;
    console.warn(
      `entrepot: ${rule.upstream.host} refused the credentials ${keys[key]} with ${error.status}; trying ${next}`,
    );
  }

  #credential(rule: Rule, key: Key): Credential {
    if (key === undefined) return { rule, key, credentials: undefined };
    const read = this.#secrets(rule, key);
    if ("problem" in read) throw new RegistryError("UNKNOWN", read.problem);
    return { rule, key, credentials: read.credentials };
  }
}

function refusalBy(rule: Rule, status: number): RegistryError {
  const message = `${rule.upstream.host} answered ${status} to an earlier request`;
  const code = status === 403 ? "DENIED" : "UNAUTHORIZED";
  return new RegistryError(code, message, { upstreamStatus: status });
}

function keysOf(rule: Rule): readonly Key[] {
  return rule.credentials.length > 0 ? rule.credentials : [undefined];
}

/** Cache key of a token: the repository's scope, unless the upstream asks for a scope without a repository (ECR
 * Public asks for `aws`), which then serves all. */
function tokenCacheKey(challenge: Challenge, scope: string): string {
  const named = challenge.parameters.get("scope");
  return named && !/(^|\s)repository:/.test(named) ? named : scope;
}
