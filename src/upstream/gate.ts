// UpstreamGate: one Durable Object per upstream and credentials. It lends authorizations, so that any number of fills
// share one token, and decides whether the upstream may be requested at all.

import { DurableObject } from "cloudflare:workers";
import type { Rule } from "../config/rule.ts";
import { RegistryError } from "../oci/error.ts";
import { type Calls, type Outcome, settle } from "../platform/rpc.ts";
import { type AuthorizationRequest, Lender } from "./authorization/lender.ts";
import { NameFailure } from "./client/name-failure.ts";
import { isOfflineIn } from "./client/offline.ts";
import { isMissing, type ReferrersApi, withSeen } from "./client/referrers-api.ts";
import { isRefused, withRetryAfter } from "./client/refusal.ts";
import type {
  AuthRefusal,
  Endpoint,
  GateMethods,
  HeadKind,
  HealthChange,
  Loan,
  PlannedRequest,
  RequestResult,
  UpstreamState,
} from "./contract.ts";
import { Allowance } from "./health/allowance.ts";
import { HeadRecord } from "./health/head-trust.ts";
import { admit, type Health, isAiling, nameOf, pauseOf, releaseProbe } from "./health/health.ts";
import { readRetryAfter } from "./health/limit.ts";
import { observe } from "./health/observe.ts";
import { changesOf, stateOf, storedOf } from "./health/standing.ts";

/** Storage keys: a pause that an upstream asked for outlives the object. */
const HEALTH_KEY = "health";
const REFERRERS_KEY = "referrers";

export class UpstreamGate
  extends DurableObject<Record<string, unknown>>
  implements Calls<GateMethods>
{
  readonly #lender = new Lender(this.env, (error, wanted) => this.#recordTokenError(error, wanted));
  readonly #allowance = new Allowance();
  #health: Health = {};
  #referrers: ReferrersApi = {};
  readonly #heads = new HeadRecord(this.ctx.storage);
  #offline: boolean | undefined;
  /** Changes that were not reported to a caller yet. */
  #changes: HealthChange[] = [];

  constructor(context: DurableObjectState, env: Record<string, unknown>) {
    super(context, env);
    void context.blockConcurrencyWhile(async () => {
      this.#health = (await context.storage.get<Health>(HEALTH_KEY)) ?? {};
      this.#referrers = (await context.storage.get<ReferrersApi>(REFERRERS_KEY)) ?? {};
      await this.#heads.load();
    });
  }

  /** Returns the authorization to send. Throws the upstream's last error while it is paused.
   * @param use undefined for a transfer that is under way
   * @param endpoint undefined in calls from an older version */
  async lend(
    rule: Rule,
    scope: string,
    use: PlannedRequest | undefined,
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
        if (use) this.#health = releaseProbe(this.#health, use, now);
        throw error;
      }
    });
  }

  /** Returns an authorization that answers a refusal; undefined where no other is available, and then the refusal is
   * remembered. */
  async answer(
    rule: Rule,
    scope: string,
    refused: AuthRefusal,
    loan: Loan,
  ): Promise<Outcome<Loan | undefined>> {
    return settle(async () => {
      const { by, endpoint } = loan;
      const next = await this.#lender.answer({ rule, scope, by, endpoint }, refused, loan);
      const watched = isAiling(this.#health, Date.now());
      return next && { ...loan, ...next, watched };
    });
  }

  /** Throws where the request is not admitted. What it takes of probes and shares is stored with the answer; an
   * object that is reset forgets it. */
  #admit(rule: Rule, use: PlannedRequest, now: number): void {
    const [by, { perMinute = 0 }] = [nameOf(use), use];
    if (!use.background) this.#allowance.check(by, perMinute, rule.upstream.host, now);
    this.#health = admit(this.#health, use, now);
    if (!use.background) this.#allowance.take(by, perMinute, now);
  }

  /** Records an answer. Returns how long the upstream is paused now, in seconds, and the changes of its health. */
  async report(seen: RequestResult): Promise<Outcome<{ pause: number; became: HealthChange[] }>> {
    return settle(async () => {
      await this.#observe(seen);
      return { pause: pauseOf(this.#health, seen, Date.now()), became: this.#takeChanges() };
    });
  }

  /** Returns the changes that were not reported yet. */
  async news(): Promise<Outcome<HealthChange[]>> {
    return settle(async () => this.#takeChanges());
  }

  #takeChanges(): HealthChange[] {
    const became = this.#changes;
    this.#changes = [];
    return became;
  }

  /** Returns the upstream's state without changing it.
   * @param repository whose pauses are included; undefined for all */
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

  /** @param agrees whether GET answered 404 too; false where it returned the content */
  async sawHead(kind: HeadKind, agrees: boolean): Promise<Outcome<null>> {
    return settle(() => this.#heads.confirm(kind, agrees, Date.now()));
  }

  /** Records a token service's error as its registry's: a refusal counts as an answer, anything else as a failure. */
  async #recordTokenError(
    error: RegistryError,
    { scope, by, endpoint }: Omit<AuthorizationRequest, "rule">,
  ): Promise<RegistryError> {
    const now = Date.now();
    // Lists, and so their tokens, may be slow or broken on their own.
    const isList = endpoint === "tags" || endpoint === "referrers";
    const retryAfter = readRetryAfter(error.headers["Retry-After"] ?? null, now);
    const seen: RequestResult = {
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

  async #observe(seen: RequestResult): Promise<void> {
    const [before, now] = [this.#health, Date.now()];
    const { all, identities } = before;
    const isResting = all !== undefined || identities?.[nameOf(seen)] !== undefined;
    // During an outage, the requester is not charged for failures.
    if (seen.refused || (seen.error && seen.error.status !== 429 && !isResting))
      this.#allowance.chargeFailure(nameOf(seen));
    this.#health = observe(before, seen, now, Math.random());
    // Each change is reported once.
    this.#changes.push(...changesOf(before, this.#health, now));
    const stored = storedOf(this.#health);
    if (!isSame(stored, storedOf(before))) await this.ctx.storage.put(HEALTH_KEY, stored);
  }

  /** Reads the current configuration: a fill that began under an earlier one carries the earlier rule. */
  #isOffline(rule: Rule): boolean {
    this.#offline ??= isOfflineIn(this.env, rule);
    return rule.offline || this.#offline;
  }
}

function isSame(one: Health, other: Health): boolean {
  const names = Object.keys({ ...one, ...other }) as (keyof Health)[];
  return names.every((name) => one[name] === other[name]);
}
