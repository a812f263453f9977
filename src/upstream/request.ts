// One request to an upstream: with an authorization of the gate's, in time, and with what the gate wants to know of it.

import type { Rule } from "../config/rule.ts";
import { within } from "../oci/deadline.ts";
import { type ErrorCode, type ErrorValue, RegistryError } from "../oci/error.ts";
import type { Source } from "../policy/source.ts";
import { type Bounds, readBounded, TimedBody } from "./body.ts";
import type { Gate, Loan } from "./gate.ts";
import type { Seen, Use } from "./health.ts";
import { readBudget, readRetryAfter } from "./limit.ts";
import { offline } from "./offline.ts";
import { fetchFollowing } from "./redirect.ts";
import { refusalOf, withRetryAfter } from "./refusal.ts";
import { scopeOf } from "./scope.ts";
import { secretsIn } from "./sent.ts";
import type { Tally } from "./tally.ts";

/** Why something is asked: for a client that waits, behind an answer that was given, or to go on with a transfer, which
 * has its own patience, and neither heeds a cooldown nor begins one. */
export type Purpose = "client" | "background" | "transfer";

export interface Asked {
  source: Source;
  purpose?: Purpose;
  kind: "manifest" | "blob" | "list";
  method: "GET" | "HEAD";
  /** Behind `/v2/<repository>/`. */
  path: string;
  headers?: Record<string, string>;
  /** Statuses, beside 2xx, that the caller understands; anything else is thrown as the client is to see it. */
  understood?: readonly number[];
  /** What a 404 means here. */
  unknown: ErrorCode;
}

/** An upstream's answer: its headers are here, its body is still to be read, or cancelled. */
export interface Answer {
  status: number;
  headers: Headers;
  response: Response;
  /** A redirect led to another origin. */
  elsewhere: boolean;
  /** @param moved told of each piece that comes, in bytes */
  body(moved?: (bytes: number) => void): TimedBody;
  /** The whole body, or its first bytes (upstream/body). */
  read(bounds: Bounds): Promise<Uint8Array>;
  cancel(): void;
}

export class Requests {
  readonly #gate: Gate;
  readonly #tally: Tally | undefined;

  constructor(gate: Gate, tally?: Tally) {
    this.#gate = gate;
    this.#tally = tally;
  }

  /** From asking for an authorization to the answer's first byte: within the rule's `firstByteTimeout`, all together. */
  async send(asked: Asked): Promise<Answer> {
    const { rule } = asked.source;
    if (rule.offline) throw offline(rule, asked.unknown);
    const scope = scopeOf(asked.source);
    const deadline = Date.now() + rule.firstByteTimeout;
    const intime = <T>(work: Promise<T>) => within(work, deadline - Date.now(), () => late(rule));
    let loan = await intime(this.#gate.lend(rule, scope, useOf(asked))).catch((error) =>
      this.#notLent(asked, error),
    );
    let answer = await this.#send(asked, loan, deadline);
    while (!answer.elsewhere && mayBeAnswered(answer.status, asked)) {
      const { status, headers } = answer;
      const refused = {
        status,
        challenge: headers.get("www-authenticate"),
        passing: asked.method === "HEAD" || asked.purpose === "transfer",
      };
      const next = await intime(this.#gate.answer(rule, scope, refused, loan)).catch((error) => {
        answer.cancel();
        throw error;
      });
      if (!next) break;
      answer.cancel();
      loan = next;
      answer = await this.#send(asked, loan, deadline);
    }
    const { status } = answer;
    if ((status >= 200 && status < 300) || asked.understood?.includes(status)) {
      await this.#report(asked, loan, answer);
      return answer;
    }
    const secrets = secretsIn(loan);
    const speaker = speakerOf(asked, answer.elsewhere);
    const error = await refusalOf(answer.response, speaker, asked.unknown, secrets);
    answer.cancel();
    throw withRetryAfter(error, await this.#report(asked, loan, answer, error));
  }

  async #send(asked: Asked, loan: Loan, deadline: number): Promise<Answer> {
    const { rule, repository } = asked.source;
    const { host, base } = rule.upstream;
    const received = (bytes: number) => this.#tally?.received(asked.source, bytes);
    const begun = Date.now();
    const answered = (status: number, headers?: Headers) => {
      const now = Date.now();
      const budget = headers && readBudget(headers, now);
      this.#tally?.answered(asked, { status, waited: now - begun, ...(budget && { budget }) });
    };
    const controller = new AbortController();
    let elsewhere = false;
    try {
      const response = await fetchFollowing(
        {
          url: `${base}/v2/${repository}/${asked.path}`,
          method: asked.method,
          headers: asked.headers ?? {},
          authorization: loan.authorization,
          elsewhere: () => {
            elsewhere = true;
          },
        },
        host,
        Math.max(1, deadline - Date.now()),
        controller,
      );
      answered(response.status, response.headers);
      return {
        status: response.status,
        headers: response.headers,
        response,
        elsewhere,
        body: (moved) =>
          new TimedBody(response, rule.silenceTimeout, host, controller, (bytes) => {
            received(bytes);
            moved?.(bytes);
          }),
        read: async (bounds) => {
          const bytes = await readBounded(response, bounds);
          received(bytes.byteLength);
          return bytes;
        },
        cancel: () => controller.abort(),
      };
    } catch (error) {
      answered(0);
      if (!(error instanceof RegistryError)) throw error;
      const speaker = speakerOf(asked, elsewhere);
      const { message, status } = error.status === 504 ? late(rule) : error;
      const told = new RegistryError("UNAVAILABLE", message.replace(host, speaker), { status });
      await this.#report(asked, loan, { elsewhere }, told);
      throw told;
    }
  }

  /** What a token service's failure has made of its upstream is told here, since the gate tells nobody. */
  async #notLent({ source }: Asked, error: unknown): Promise<never> {
    const isNews = error instanceof RegistryError && !error.unasked;
    if (isNews && this.#tally) {
      for (const one of await this.#gate.news(source.rule).catch(() => []))
        this.#tally.became(source, one);
    }
    throw error;
  }

  /** Tells the gate how the upstream answered, where that is news. Answers for how many seconds it is left alone.
   * @param answer without headers where none came */
  async #report(
    asked: Asked,
    loan: Loan,
    answer: { elsewhere: boolean; status?: number; headers?: Headers },
    error?: RegistryError,
  ): Promise<number> {
    const { rule } = asked.source;
    const now = Date.now();
    const { status = 0, headers } = answer;
    // A blob's redirect is a good answer, whatever the storage makes of it then.
    const isStorage = asked.kind === "blob" && answer.elsewhere;
    const budget = headers && !isStorage ? readBudget(headers, now) : undefined;
    const ailing = !isStorage && error && (error.status === 429 || error.status >= 500);
    if (ailing ? asked.purpose === "transfer" : !budget && !loan.watched) return 0;
    const seen: Seen = { askedAt: loan.lentAt, pull: isPull(asked) };
    if (asked.kind !== "list") seen.repository = scopeOf(asked.source);
    if (budget) seen.budget = budget;
    if (isStorage || (status >= 200 && status < 300)) seen.gave = true;
    if (ailing) {
      seen.error = wordless(error, rule);
      const retryAfter = readRetryAfter(headers?.get("retry-after") ?? null, now);
      if (retryAfter !== undefined) seen.retryAfter = retryAfter;
      const isMiss = error.status === 504 && status === 0 && asked.purpose !== "background";
      if (isMiss) seen.missed = rule.firstByteTimeout;
    }
    try {
      const { pause, became } = await this.#gate.report(rule, seen);
      for (const one of became) this.#tally?.became(asked.source, one);
      return pause;
    } catch (failure) {
      // The answer is here, whatever the gate makes of it.
      console.error(`entrepot: the gate took no note: ${(failure as Error).message}`);
      return 0;
    }
  }
}

/** Who gave an answer: a registry's blobs are often elsewhere, and their storage is not the registry. */
function speakerOf({ source, kind }: Asked, elsewhere: boolean): string {
  const { host } = source.rule.upstream;
  return kind === "blob" && elsewhere ? `${host}'s storage` : host;
}

/** As all clients of the upstream may be told: what it said was of one repository. */
function wordless(error: RegistryError, { upstream }: Rule): ErrorValue {
  const { upstreamStatus } = error;
  const value = error.toValue();
  if (upstreamStatus === undefined) return value;
  return { ...value, message: `${upstream.host} answered ${upstreamStatus}` };
}

function mayBeAnswered(status: number, { method }: Asked): boolean {
  return status === 401 || (status === 403 && method === "GET");
}

function isPull({ kind, method }: Asked): boolean {
  return kind === "manifest" && method === "GET";
}

function useOf(asked: Asked): Use | undefined {
  if (asked.purpose === "transfer") return undefined;
  const { rule } = asked.source;
  return {
    ...(asked.kind !== "list" && { repository: scopeOf(asked.source) }),
    pull: isPull(asked),
    background: asked.purpose === "background",
    reserve: rule.reservePulls,
    deadline: rule.firstByteTimeout,
  };
}

/** Who waited for the first byte has waited long enough. */
export function late(rule: Rule): RegistryError {
  const message = `${rule.upstream.host} did not answer within ${rule.firstByteTimeout} ms`;
  return new RegistryError("UNAVAILABLE", message, { status: 504 });
}
