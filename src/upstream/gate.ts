// UpstreamGate: one Durable Object per upstream and credentials. It lends authorizations, so that any number of fills ask
// for one token, and knows whether the upstream is to be asked at all.

import { DurableObject } from "cloudflare:workers";
import type { Rule } from "../config/rule.ts";
import { call, type ErrorValue, type Outcome, RegistryError, settle } from "../oci/error.ts";
import { originOf } from "../policy/source.ts";
import type { Cooldown } from "./cooldown.ts";
import {
  admit,
  type Health,
  isAiling,
  observe,
  pauseOf,
  type Seen,
  type Use,
  unprobe,
} from "./health.ts";
import { Lender, type Lent, type Refused } from "./lender.ts";
import { type Budget, readRetryAfter } from "./limit.ts";
import { isOfflineIn } from "./offline.ts";
import { isRefused, withRetryAfter } from "./refusal.ts";
import { repositoryIn } from "./scope.ts";

/** What the object stores: that an upstream asked for patience outlives the object. */
const HEALTH_KEY = "health";

export interface Loan extends Lent {
  /** The gate wants to hear of a good answer too. */
  watched: boolean;
  /** In ms since the epoch, by the gate's clock. */
  lentAt: number;
}

/** That an upstream is left alone from now on, for a limit's sake or since it fails; or is asked again. */
export interface Became {
  what: "limited" | "down" | "up";
  /** In ms since the epoch. */
  at: number;
  detail: string;
}

/** That it is left alone. */
export interface Pause {
  /** All of it, manifests' GETs, or the repository. */
  of: "all" | "pulls" | "repository";
  repository?: string;
  /** In ms since the epoch. */
  until: number;
  error: ErrorValue;
}

export interface UpstreamState {
  offline: boolean;
  pauses: Pause[];
  budget?: Budget;
}

export class UpstreamGate extends DurableObject<Record<string, unknown>> {
  readonly #lender = new Lender(this.env, (error, scope) => this.#heard(error, scope));
  #health: Health = {};
  #offline: boolean | undefined;
  /** What nobody was told of yet. */
  #became: Became[] = [];

  constructor(context: DurableObjectState, env: Record<string, unknown>) {
    super(context, env);
    void context.blockConcurrencyWhile(async () => {
      this.#health = (await context.storage.get<Health>(HEALTH_KEY)) ?? {};
    });
  }

  /** The authorization to send at once. Throws the upstream's last word where it is not to be asked now.
   * @param use undefined for what belongs to a transfer under way */
  async lend(rule: Rule, scope: string, use: Use | undefined): Promise<Outcome<Loan>> {
    return settle(async () => {
      if (this.#isOffline(rule)) {
        throw new RegistryError("UNAVAILABLE", `${rule.upstream.host} is offline`, { status: 503 });
      }
      const now = Date.now();
      if (use) await this.#keep(admit(this.#health, use, now));
      try {
        const lent = await this.#lender.lend(rule, scope);
        return { ...lent, watched: isAiling(this.#health), lentAt: now };
      } catch (error) {
        if (use) await this.#keep(unprobe(this.#health, use, now));
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
      const next = await this.#lender.answer(rule, scope, refused, loan);
      return next && { ...next, watched: isAiling(this.#health), lentAt: loan.lentAt };
    });
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
      const pauses = pausesIn(this.#health, now).filter(
        (pause) => repository === undefined || (pause.repository ?? repository) === repository,
      );
      const { budget } = this.#health;
      return { offline: this.#isOffline(rule), pauses, ...(budget && { budget }) };
    });
  }

  /** A token service's word, which it gives for its registry: a refusal is an answer, the rest is not. */
  async #heard(error: RegistryError, repository: string): Promise<RegistryError> {
    const now = Date.now();
    const retryAfter = readRetryAfter(error.headers["Retry-After"] ?? null, now);
    const seen: Seen = {
      askedAt: now,
      repository,
      pull: false,
      ...(!isRefused(error) && { error: error.toValue() }),
      ...(retryAfter !== undefined && { retryAfter }),
    };
    await this.#observe(seen);
    return withRetryAfter(error, pauseOf(this.#health, seen, now));
  }

  async #observe(seen: Seen): Promise<void> {
    const before = this.#health;
    await this.#keep(observe(this.#health, seen, Date.now(), Math.random()));
    const after = this.#health;
    // Told once: what is refused meanwhile is not.
    for (const of of ["all", "pulls"] as const) {
      const [was, is] = [before[of], after[of]];
      const at = Date.now();
      if (!was?.until && is?.until) {
        const detail = is.error.message;
        console.warn(`entrepot: left alone: ${detail}`);
        this.#became.push({ what: is.error.status === 429 ? "limited" : "down", at, detail });
      } else if (was?.until && !is) {
        const detail = was.error.message;
        console.warn(`entrepot: asked again: ${detail}`);
        this.#became.push({ what: "up", at, detail });
      }
    }
  }

  async #keep(health: Health): Promise<void> {
    if (health === this.#health) return;
    this.#health = health;
    await this.ctx.storage.put(HEALTH_KEY, health);
  }

  /** Read from today's configuration: a fill that was begun under yesterday's carries yesterday's rule. */
  #isOffline(rule: Rule): boolean {
    this.#offline ??= isOfflineIn(this.env, rule);
    return rule.offline || this.#offline;
  }
}

function pausesIn({ all, pulls, repositories }: Health, now: number): Pause[] {
  const pauses: Pause[] = [];
  const add = (cooldown: Cooldown | undefined, of: Pick<Pause, "of" | "repository">) => {
    if (cooldown && cooldown.until > now)
      pauses.push({ ...of, until: cooldown.until, error: cooldown.error });
  };
  add(all, { of: "all" });
  add(pulls, { of: "pulls" });
  for (const [scope, cooldown] of Object.entries(repositories ?? {})) {
    add(cooldown, { of: "repository", repository: repositoryIn(scope) });
  }
  return pauses;
}

/** The gate as the rest of the house sees it. */
export interface Gate {
  lend(rule: Rule, scope: string, use: Use | undefined): Promise<Loan>;
  answer(rule: Rule, scope: string, refused: Refused, loan: Loan): Promise<Loan | undefined>;
  report(rule: Rule, seen: Seen): Promise<{ pause: number; became: Became[] }>;
  news(rule: Rule): Promise<Became[]>;
}

/** For whoever wants to know how it stands. */
export interface Watch {
  state(rule: Rule, repository?: string): Promise<UpstreamState>;
}

export function openGate(namespace: DurableObjectNamespace<UpstreamGate>): Gate & Watch {
  const stub = (rule: Rule) => namespace.get(namespace.idFromName(originOf(rule)));
  return {
    lend: (rule, scope, use) => call(() => stub(rule).lend(rule, scope, use)),
    answer: (rule, scope, refused, loan) =>
      call(() => stub(rule).answer(rule, scope, refused, loan)),
    report: (rule, seen) => call(() => stub(rule).report(seen)),
    news: (rule) => call(() => stub(rule).news()),
    state: (rule, repository) => call(() => stub(rule).state(rule, repository)),
  };
}
