// Requests: sends one request to an upstream, with an authorization from the gate, within its timeout, and reports the
// result to the gate.

import type { Rule } from "../../config/rule.ts";
import { RegistryError } from "../../oci/error.ts";
import { within } from "../../platform/deadline.ts";
import { scopeOf } from "../authorization/scope.ts";
import type { Gate, Loan } from "../contract.ts";
import { readBudget } from "../health/limit.ts";
import {
  type AnswerSummary,
  endpointOf,
  plannedRequestOf,
  resultOf,
  type UpstreamRequest,
} from "../upstream-request.ts";
import { type Bounds, readBounded, TimedBody } from "./body.ts";
import { NameFailure } from "./name-failure.ts";
import { offline } from "./offline.ts";
import { fetchFollowing } from "./redirect.ts";
import { refusalOf, withRetryAfter } from "./refusal.ts";
import { secretsIn } from "./sent.ts";
import type { Tally } from "./tally.ts";

export type { Purpose, UpstreamRequest } from "../upstream-request.ts";

/** An upstream's answer: headers received, body still to be read or cancelled. */
export interface Answer {
  status: number;
  headers: Headers;
  response: Response;
  /** A redirect led to another origin. */
  elsewhere: boolean;
  /** Returns the client's error for an answer of bad status. Reads (bounded) its body. */
  refusal(): Promise<RegistryError>;
  /** @param moved called with the size of each chunk, in bytes */
  body(moved?: (bytes: number) => void): TimedBody;
  /** Reads the body within bounds (upstream/client/body.ts). */
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

  /** Sends a request. The rule's `firstByteTimeout` covers all of it, from asking the gate to the first byte. */
  async send(request: UpstreamRequest): Promise<Answer> {
    const { rule } = request.source;
    if (rule.offline) throw offline(rule, request.unknown);
    const scope = scopeOf(request.source);
    const deadline = Date.now() + rule.firstByteTimeout;
    const intime = <T>(work: Promise<T>) => within(work, deadline - Date.now(), () => late(rule));
    const lent = this.#gate.lend(rule, scope, plannedRequestOf(request), endpointOf(request));
    let loan = await intime(lent).catch((error) => this.#countFailedLoan(request, error));
    let answer = await this.#send(request, loan, deadline);
    while (!answer.elsewhere && mayBeAnswered(answer.status, request)) {
      const { status, headers } = answer;
      const refused = {
        status,
        challenge: headers.get("www-authenticate"),
        passing: request.method === "HEAD" || request.purpose === "transfer",
      };
      const next = await intime(this.#gate.answer(rule, scope, refused, loan)).catch((error) => {
        answer.cancel();
        throw error;
      });
      if (!next) break;
      answer.cancel();
      loan = next;
      answer = await this.#send(request, loan, deadline);
    }
    if (isUnderstood(answer, request, loan)) {
      await this.#report(request, loan, answer);
      return answer;
    }
    const error = await answer.refusal();
    answer.cancel();
    throw withRetryAfter(error, await this.#report(request, loan, { ...answer, error }));
  }

  async #send(request: UpstreamRequest, loan: Loan, deadline: number): Promise<Answer> {
    const { rule, repository } = request.source;
    const { host, base } = rule.upstream;
    const received = (bytes: number) => this.#tally?.received(request.source, bytes);
    const begun = Date.now();
    const answered = (status: number, headers?: Headers) => {
      const now = Date.now();
      const budget = headers && readBudget(headers, now);
      this.#tally?.answered(request, { status, waited: now - begun, ...(budget && { budget }) });
    };
    const controller = new AbortController();
    let elsewhere = false;
    try {
      const response = await fetchFollowing(
        {
          url: `${base}/v2/${repository}/${request.path}`,
          method: request.method,
          headers: request.headers ?? {},
          authorization: loan.authorization,
          ...(request.asSent && { asSent: true }),
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
        refusal: () =>
          refusalOf(response, speakerOf(request, elsewhere), request.unknown, secretsIn(loan)),
        body: (moved) =>
          new TimedBody(response, {
            silence: rule.silenceTimeout,
            host,
            abort: controller,
            moved: (bytes) => {
              received(bytes);
              moved?.(bytes);
            },
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
      const speaker = speakerOf(request, elsewhere);
      const { message, status } = error.status === 504 ? late(rule) : error;
      const words = message.replace(host, speaker);
      const failure =
        error instanceof NameFailure
          ? new NameFailure(words)
          : new RegistryError("UNAVAILABLE", words, { status });
      await this.#report(request, loan, { elsewhere, error: failure });
      throw failure;
    }
  }

  /** Counts the health changes that a failed token request caused: no report follows that would return them. */
  async #countFailedLoan({ source }: UpstreamRequest, error: unknown): Promise<never> {
    const isNews = error instanceof RegistryError && !error.unasked;
    if (isNews && this.#tally) {
      for (const one of await this.#gate.news(source.rule).catch(() => []))
        this.#tally.became(source, one);
    }
    throw error;
  }

  /** Reports the answer to the gate, where it changes the health. Returns the seconds that the upstream is paused. */
  async #report(request: UpstreamRequest, loan: Loan, answer: AnswerSummary): Promise<number> {
    const { rule } = request.source;
    const seen = resultOf(request, loan, answer, Date.now());
    if (!seen) return 0;
    try {
      const { pause, became } = await this.#gate.report(rule, seen);
      for (const one of became) this.#tally?.became(request.source, one);
      return pause;
    } catch (failure) {
      // The answer is valid although the gate could not be told.
      console.error(
        `entrepot: reporting an answer to the gate failed: ${(failure as Error).message}`,
      );
      return 0;
    }
  }
}

/** Names the host that answered: storage that a blob's redirect leads to is not the registry. */
function speakerOf({ source, kind }: UpstreamRequest, elsewhere: boolean): string {
  const { host } = source.rule.upstream;
  return kind === "blob" && elsewhere ? `${host}'s storage` : host;
}

function isUnderstood(
  { status, headers }: Answer,
  { understood, unchallenged, settled }: UpstreamRequest,
  { doubtsHead }: Loan,
): boolean {
  if ((status >= 200 && status < 300) || understood?.includes(status)) return true;
  if (settled && status === 404) return doubtsHead === true;
  return unchallenged?.includes(status) === true && headers.get("www-authenticate") === null;
}

function mayBeAnswered(status: number, { method }: UpstreamRequest): boolean {
  return status === 401 || (status === 403 && method === "GET");
}

/** Error for a first byte that did not come in time. */
export function late(rule: Rule): RegistryError {
  const message = `${rule.upstream.host} did not answer within ${rule.firstByteTimeout} ms`;
  return new RegistryError("UNAVAILABLE", message, { status: 504 });
}
