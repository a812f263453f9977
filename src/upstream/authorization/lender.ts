// Lender: lends authorizations, one credential after the other.

import type { Credentials } from "../../config/credentials.ts";
import type { Rule } from "../../config/rule.ts";
import { RegistryError } from "../../oci/error.ts";
import { asRegistryError } from "../../platform/rpc.ts";
import { isRefusal, isRefused } from "../client/refusal.ts";
import type { Endpoint, Lent, Refused } from "../contract.ts";
import { Authorizer } from "./authorizer.ts";
import { type Challenge, challengeIn } from "./challenge.ts";
import { type Key, Keyring } from "./keyring.ts";
import { openSecrets, type Secrets } from "./secrets.ts";

/** What an authorization is for. */
export interface Purpose {
  rule: Rule;
  scope: string;
  /** The identity that it is for; undefined for a transfer that is under way. */
  by: string | undefined;
  /** What is asked; undefined for what an older version asks. */
  endpoint?: Endpoint | undefined;
}

type RefusalHandler = (
  error: RegistryError,
  wanted: Omit<Purpose, "rule">,
) => Promise<RegistryError>;

type Made = Pick<Lent, "authorization" | "fresh">;

export class Lender {
  readonly #secrets: Secrets;
  readonly #said: RefusalHandler;
  /** What the upstream asked for last: lets a token for another scope be fetched without a 401 before it. */
  #challenge: Challenge | undefined;
  /** A 401 to referrers or tags says nothing of pulls. What is refused to pulls is so to lists: a wrong login is not tried at each. */
  readonly #keyrings = { pull: new Keyring(), tags: new Keyring(), referrers: new Keyring() };
  readonly #authorizer = new Authorizer((key) => {
    for (const keyring of Object.values(this.#keyrings)) keyring.accept(key);
  });

  /** @param said told of a token service's bad answer, which it gives for its registry; answers what clients are told */
  constructor(variables: Readonly<Record<string, unknown>>, said: RefusalHandler) {
    this.#secrets = openSecrets(variables);
    this.#said = said;
  }

  /** The authorization to send at once. */
  lend(wanted: Purpose): Promise<Lent> {
    const { rule, scope } = wanted;
    return this.#offer(wanted, (key) => this.#atOnce(rule, scope, key));
  }

  /** What answers a refusal; undefined where there is nothing (else) to offer, and then the refusal is remembered. */
  async answer(wanted: Purpose, refused: Refused, lent: Lent): Promise<Lent | undefined> {
    const { rule, scope } = wanted;
    const keys = keysOf(rule);
    const again = (key: Key) => this.#again(rule, scope, refused, key, lent);
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
      return this.#offer(wanted, (key) => this.#again(rule, scope, refused, key, nothing));
    }
    if (refusal) throw refusal;
    // What is forbidden to all may be one thing of the repository: it is not said of the others.
    // So is a 401 that asks for nothing, where the API is not there.
    const isOfApi = wanted.endpoint === "referrers" && refused.challenge === null;
    if (refused.status === 403 || isOfApi)
      for (const one of this.#concerned(wanted)) one.forgive(keys, scope);
    return undefined;
  }

  /** One credential after the other, until one is not refused by its token service. */
  async #offer(wanted: Purpose, make: (key: Key) => Promise<Made>): Promise<Lent> {
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

  /** Makes an authorization, and remembers why that failed. */
  async #try(wanted: Purpose, key: number, make: (key: Key) => Promise<Made>): Promise<Made> {
    const { rule, ...told } = wanted;
    const name = keysOf(rule)[key];
    try {
      return await make(name);
    } catch (error) {
      const failure = asRegistryError(error);
      // A login that is wrong is so for all scopes.
      if (failure.status === 401 && name) {
        for (const keyring of this.#concerned(wanted))
          keyring.refuseLogin(name, wanted, failure, Date.now());
        this.#warn(rule, key, failure);
      } else if (isRefused(failure)) this.#refuse(wanted, key, failure);
      throw failure.code === "UNKNOWN" ? failure : await this.#said(failure, told);
    }
  }

  /** With the challenge of earlier. Where that fails it is forgotten, and the upstream asked what it wants today; but a
   * refusal is one: credentials are not tried twice. */
  async #atOnce(rule: Rule, scope: string, key: Key): Promise<Made> {
    const credentials = this.#credentials(rule, key);
    const challenge = this.#challenge;
    if (challenge) {
      try {
        const kept = keptUnder(challenge, scope);
        const made = await this.#authorizer.authorize(
          rule,
          key,
          credentials,
          challenge,
          kept,
          kept,
        );
        if (made !== undefined) return { authorization: made, fresh: false };
      } catch (error) {
        if (isRefusal(error)) throw error;
        this.#challenge = undefined;
      }
    }
    const bare = credentials && "token" in credentials ? `Bearer ${credentials.token}` : undefined;
    return { authorization: bare, fresh: false };
  }

  /** Another authorization of the same credential: for the challenge that came with the refusal, or with a login made
   * anew, since ECR answers 403 to one that has run out. */
  async #again(rule: Rule, scope: string, refused: Refused, key: Key, lent: Lent): Promise<Made> {
    const credentials = this.#credentials(rule, key);
    const isLogin = credentials && ("username" in credentials || "token" in credentials);
    const asked = challengeIn(refused.challenge, credentials !== undefined);
    const challenge =
      asked ??
      (credentials && (!isLogin || lent.authorization === undefined) ? this.#challenge : undefined);
    if (!challenge) return { authorization: undefined, fresh: true };
    const kept = keptUnder(challenge, scope);
    await this.#authorizer.forget(key, kept, lent.authorization);
    const told = challenge.parameters.get("scope") ?? scope;
    const authorization = await this.#authorizer.authorize(
      rule,
      key,
      credentials,
      challenge,
      told,
      kept,
    );
    this.#challenge = challenge;
    return { authorization, fresh: true };
  }

  #keyring({ endpoint }: Purpose): Keyring {
    const isList = endpoint === "tags" || endpoint === "referrers";
    return this.#keyrings[isList ? endpoint : "pull"];
  }

  /** Those that a refusal concerns. */
  #concerned(wanted: Purpose): Keyring[] {
    const own = this.#keyring(wanted);
    return own === this.#keyrings.pull ? Object.values(this.#keyrings) : [own];
  }

  #refuse(wanted: Purpose, key: number, error: RegistryError): void {
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
      `entrepot: ${rule.upstream.host} refused the credentials ${keys[key]} with ${error.status}; ${next} is tried`,
    );
  }

  #credentials(rule: Rule, key: Key): Credentials | undefined {
    if (key === undefined) return undefined;
    const read = this.#secrets(rule, key);
    if ("problem" in read) throw new RegistryError("UNKNOWN", read.problem);
    return read.credentials;
  }
}

function refusalBy(rule: Rule, status: number): RegistryError {
  const message = `${rule.upstream.host} answered ${status} a moment ago`;
  const code = status === 403 ? "DENIED" : "UNAUTHORIZED";
  return new RegistryError(code, message, { upstreamStatus: status });
}

function keysOf(rule: Rule): readonly Key[] {
  return rule.credentials.length > 0 ? rule.credentials : [undefined];
}

/** What a token is kept under: a repository's scope, unless the upstream asks for one that is no repository's (ECR Public
 * asks for `aws`), which then serves all. */
function keptUnder(challenge: Challenge, scope: string): string {
  const told = challenge.parameters.get("scope");
  return told && !/(^|\s)repository:/.test(told) ? told : scope;
}
