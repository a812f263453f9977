// UpstreamGate: one Durable Object per upstream and credentials. It lends authorizations, so that any number of fills ask
// for one token, and knows whether the upstream is to be asked at all.

import { DurableObject } from "cloudflare:workers";
import type { Rule } from "../config/rule.ts";
import { RegistryError } from "../oci/error.ts";
import { type Outcome, settle } from "../platform/rpc.ts";
import { Lender, type Purpose as Wanted } from "./authorization/lender.ts";
import { NameFailure } from "./client/name-failure.ts";
import { isOfflineIn } from "./client/offline.ts";
import { isMissing, type ReferrersApi, withSeen } from "./client/referrers-api.ts";
import { isRefused, withRetryAfter } from "./client/refusal.ts";
import type {
  Became,
  Endpoint,
  HeadKind,
  Loan,
  Refused,
  Seen,
  UpstreamState,
  Use,
} from "./contract.ts";
import { Allowance } from "./health/allowance.ts";
import { HeadRecord } from "./health/head-trust.ts";
import { admit, type Health, isAiling, nameOf, pauseOf, unprobe } from "./health/health.ts";
import { readRetryAfter } from "./health/limit.ts";
import { observe } from "./health/observe.ts";
import { changesOf, stateOf, storedOf } from "./health/standing.ts";

/** What the object stores: that an upstream asked for patience outlives the object. */
const HEALTH_KEY = "health";
const REFERRERS_KEY = "referrers";

export class UpstreamGate extends DurableObject<Record<string, unknown>> {
  readonly #lender = new Lender(this.env, (error, wanted) => this.#heard(error, wanted));
  readonly #allowance = new Allowance();
  #health: Health = {};
  #referrers: ReferrersApi = {};
  readonly #heads = new HeadRecord(this.ctx.storage);
  #offline: boolean | undefined;
  /** What nobody was told of yet. */
  #became: Became[] = [];

  constructor(context: DurableObjectState, env: Record<string, unknown>) {
    super(context, env);
    void context.blockConcurrencyWhile(async () => {
      this.#health = (await context.storage.get<Health>(HEALTH_KEY)) ?? {};
      this.#referrers = (await context.storage.get<ReferrersApi>(REFERRERS_KEY)) ?? {};
      await this.#heads.load();
    });
  }

  /** The authorization to send at once. Throws the upstream's last word where it is not to be asked now.
   * @param use undefined for what belongs to a transfer under way
   * @param endpoint what is asked; undefined in what an older version sends */
  async lend(
    rule: Rule,
    scope: string,
    use: Use | undefined,
    endpoint?: Endpoint,
  ): Promise<Outcome<Loan>> {
    return settle(async () => {
      if (this.#isOffline(rule)) {
        throw new RegistryError("UNAVAILABLE", `${rule.upstream.host} is offline`, { status: 503 });
      }
      const now = Date.now();
      if (use) this.#admit(rule, use, now);
      const by = use && nameOf(use);
      try {
        const lent = await this.#lender.lend({ rule, scope, by, endpoint });
        const watched = isAiling(this.#health, now);
        const loan = { ...lent, watched, lentAt: now, ...this.#heads.doubt(endpoint, now) };
        return { ...loan, ...(by && { by }), ...(endpoint && { endpoint }) };
      } catch (error) {
        if (use) this.#health = unprobe(this.#health, use, now);
        throw error;
      }
    });
  }

  /** What answers a refusal; undefined where there is nothing (else) to offer, and then the refusal is remembered. */
  async answer(
    rule: Rule,
    scope: string,
    refused: Refused,
    loan: Loan,
  ): Promise<Outcome<Loan | undefined>> {
    return settle(async () => {
      const { by, endpoint } = loan;
      const next = await this.#lender.answer({ rule, scope, by, endpoint }, refused, loan);
      const watched = isAiling(this.#health, Date.now());
      return next && { ...loan, ...next, watched };
    });
  }

  /** Before anything is asked. What a probe or a share takes is stored with the answer: an object that is reset forgets it. */
  #admit(rule: Rule, use: Use, now: number): void {
    const [by, { perMinute = 0 }] = [nameOf(use), use];
    if (!use.background) this.#allowance.check(by, perMinute, rule.upstream.host, now);
    this.#health = admit(this.#health, use, now);
    if (!use.background) this.#allowance.take(by, perMinute, now);
  }

  /** Takes note of how the upstream answered. Answers for how long it is left alone now, in seconds, and what it has become. */
  async report(seen: Seen): Promise<Outcome<{ pause: number; became: Became[] }>> {
    return settle(async () => {
      await this.#observe(seen);
      return { pause: pauseOf(this.#health, seen, Date.now()), became: this.#takeNews() };
    });
  }

  /** What the upstream has become, as nobody was told yet. */
  async news(): Promise<Outcome<Became[]>> {
    return settle(async () => this.#takeNews());
  }

  #takeNews(): Became[] {
    const became = this.#became;
    this.#became = [];
    return became;
  }

  /** How it stands with the upstream, for whoever wants to know; nothing is changed by it.
   * @param repository the one whose own pause is told; undefined for those of all */
  async state(rule: Rule, repository: string | undefined): Promise<Outcome<UpstreamState>> {
    return settle(async () => {
      const now = Date.now();
      const spent = this.#allowance.spent(now);
      return { offline: this.#isOffline(rule), ...stateOf(this.#health, repository, spent, now) };
    });
  }

  async lacksReferrers(): Promise<Outcome<boolean>> {
    return settle(async () => isMissing(this.#referrers, Date.now()));
  }

  async sawReferrers(repository: string, has: boolean): Promise<Outcome<null>> {
    return settle(async () => {
      const next = withSeen(this.#referrers, repository, has, Date.now());
      const isNews = next !== this.#referrers;
      this.#referrers = next;
      if (isNews) await this.ctx.storage.put(REFERRERS_KEY, next);
      return null;
    });
  }

  /** @param agrees whether GET answered 404 too, or gave what HEAD had answered 404 to */
  async sawHead(kind: HeadKind, agrees: boolean): Promise<Outcome<null>> {
    return settle(() => this.#heads.confirm(kind, agrees, Date.now()));
  }

  /** A token service's word, which it gives for its registry: a refusal is an answer, the rest is not. */
  async #heard(
    error: RegistryError,
    { scope, by, endpoint }: Omit<Wanted, "rule">,
  ): Promise<RegistryError> {
    const now = Date.now();
    // Lists are slow or broken by themselves, and so may be what their tokens are asked of.
    const isList = endpoint === "tags" || endpoint === "referrers";
    const retryAfter = readRetryAfter(error.headers["Retry-After"] ?? null, now);
    const seen: Seen = {
      askedAt: now,
      ...(!isList && { repository: scope }),
      pull: false,
      ...(by !== undefined && { by }),
      ...(!isRefused(error) && { error: error.toValue() }),
      ...(error instanceof NameFailure && { ofName: true }),
      ...(error.status === 504 && error.upstreamStatus === undefined && { silent: true }),
      ...(retryAfter !== undefined && { retryAfter }),
    };
    await this.#observe(seen);
    return withRetryAfter(error, pauseOf(this.#health, seen, now));
  }

  async #observe(seen: Seen): Promise<void> {
    const [before, now] = [this.#health, Date.now()];
    const { all, identities } = before;
    const isResting = all !== undefined || identities?.[nameOf(seen)] !== undefined;
    // In an outage it is not the requester's doing that nothing comes.
    if (seen.refused || (seen.error && seen.error.status !== 429 && !isResting))
      this.#allowance.inVain(nameOf(seen));
    this.#health = observe(before, seen, now, Math.random());
    // Told once: what is refused meanwhile is not.
    this.#became.push(...changesOf(before, this.#health, now));
    const stored = storedOf(this.#health);
    if (!isSame(stored, storedOf(before))) await this.ctx.storage.put(HEALTH_KEY, stored);
  }

  /** Read from today's configuration: a fill that was begun under yesterday's carries yesterday's rule. */
  #isOffline(rule: Rule): boolean {
    this.#offline ??= isOfflineIn(this.env, rule);
    return rule.offline || this.#offline;
  }
}

function isSame(one: Health, other: Health): boolean {
  const names = Object.keys({ ...one, ...other }) as (keyof Health)[];
  return names.every((name) => one[name] === other[name]);
}
