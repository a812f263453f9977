// Request record: one log line, the metrics, and an Analytics Engine data point if bound. Of client input only names are
// recorded, never headers, queries or hosts, which may be secrets.

import type { LogLevel } from "../../config/log.ts";
import type { Analytics } from "../../meter/analytics.ts";
import { meter } from "../../meter/meter.ts";
import { Steps } from "../../meter/steps.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RegistryError } from "../../oci/error.ts";
import { asRegistryError } from "../../platform/rpc.ts";
import type { Target } from "../../policy/authorize.ts";
import type { Source } from "../../policy/source.ts";
import type { Finding } from "../../policy/trust.ts";
import {
  type CacheStatus,
  type Outcome,
  outcomeOf,
  renderCacheStatus,
} from "../../pull/cache-status.ts";
import type { Reports } from "../../pull/reports.ts";
import type { ReadVisit } from "../../store/visit.ts";
import { jsonText } from "../../text/plain.ts";

/** What is known of a request, filled in as it is processed. */
export interface Entry {
  kind: "ping" | "token" | "manifest" | "blob" | "tags" | "referrers" | "nothing";
  method: string;
  steps: Steps;
  /** The name as the client sent it. */
  name?: string;
  /** Tag or digest. */
  reference?: string;
  who?: string;
  /** The names and the rule that the client asked for, also where it is refused. */
  target?: Target;
  source?: Source;
  /** Of the manifest that is served. */
  digest?: Digest;
  status?: CacheStatus;
  /** Why the response is stale. */
  warning?: string;
  /** What checks in report mode found against the image. */
  findings?: Finding[];
  agent?: string;
  /** Cloudflare's request ID (`cf-ray`). */
  ray?: string;
}

/** Set as soon as it is known, before the request is admitted. */
export type Recognized = Pick<Entry, "who" | "target">;

/** How a request was answered. */
export interface Answer {
  status: number;
  bytes: number;
  error?: RegistryError;
}

/** Keeps the audit of pulls. */
export interface Auditor {
  /** @param now in ms since the epoch */
  audit(entry: Entry, answer: Answer, now: number): void;
}

export function entryOf({ request: { method, headers } }: { request: Request }): Entry {
  const [agent, ray] = [headers.get("user-agent"), headers.get("cf-ray")];
  const client = { ...(agent !== null && { agent }), ...(ray !== null && { ray }) };
  return { kind: "nothing", method, steps: new Steps(), ...client };
}

type Result = Outcome | "ok" | Refusal;
type Refusal = "unauthorized" | "denied" | "unknown" | "limited" | "invalid" | "failed";

/** Maximum length of client-supplied text in the log, in characters. */
const MAX_CLIENT_TEXT = 200;

export class Recorder {
  readonly #level: LogLevel;
  readonly #reports: Pick<Reports, "noted" | "failed">;
  readonly #analytics: Analytics | undefined;
  readonly #auditor: Auditor | undefined;

  constructor(
    level: LogLevel,
    reports: Pick<Reports, "noted" | "failed">,
    analytics?: Analytics,
    auditor?: Auditor,
  ) {
    this.#level = level;
    this.#reports = reports;
    this.#analytics = analytics;
    this.#auditor = auditor;
  }

  /** Returns the response with its timings, or rethrows the error without them: an error's timing could reveal what exists. */
  async record(entry: Entry, visit: ReadVisit, answer: () => Promise<Response>): Promise<Response> {
    try {
      const response = await answer();
      response.headers.set("Server-Timing", entry.steps.header);
      this.#answered(entry, response, visit);
      return response;
    } catch (error) {
      this.#failed(entry, error, visit);
      throw error;
    }
  }

  #answered(entry: Entry, { status, headers }: Response, visit: ReadVisit): void {
    const length = headers.get("content-length");
    const bytes = entry.method === "HEAD" || length === null ? 0 : Number(length);
    this.#record(entry, entry.status ? outcomeOf(entry.status) : "ok", { status, bytes }, visit);
  }

  #failed(entry: Entry, thrown: unknown, visit: ReadVisit): void {
    const error = asRegistryError(thrown);
    const result = refusalOf(error);
    if (entry.source && (result === "failed" || result === "limited"))
      this.#reports.failed(entry.source, visit);
    this.#record(entry, result, { status: error.status, bytes: 0, error }, visit);
  }

  #record(entry: Entry, result: Result, answer: Answer, visit: ReadVisit): void {
    const { kind, method, steps, source } = entry;
    const rule = source?.rule.name ?? "";
    const { total } = steps;
    meter.count("entrepot_requests", { rule, kind, result });
    // A 304 is not a pull.
    if (kind === "manifest" && method === "GET" && answer.status !== 304)
      meter.count("entrepot_pulls", { rule, result });
    meter.observe("entrepot_request_duration_seconds", { kind, result }, total / 1000);
    this.#reports.noted(visit);
    this.#point({
      indexes: [rule.slice(0, 96)],
      blobs: [kind, result, source?.repository ?? "", entry.who ?? "", method],
      doubles: [answer.status, answer.bytes, total],
    });
    this.#auditor?.audit(entry, answer, visit.now);
    const isGood = answer.status < 400 && !entry.warning && !entry.findings?.length;
    if (this.#level === "none" || (this.#level === "failures" && isGood)) return;
    console.log(lineOf(entry, result, answer));
  }

  #point(point: Parameters<Analytics["writeDataPoint"]>[0]): void {
    try {
      this.#analytics?.writeDataPoint(point);
    } catch (error) {
      // A failure to record must not fail the response.
      console.error(`entrepot: writing to Analytics Engine failed: ${(error as Error).message}`);
    }
  }
}

function lineOf(
  {
    kind,
    method,
    steps,
    name,
    reference,
    who,
    source,
    status,
    warning,
    findings,
    agent,
    ray,
  }: Entry,
  result: Result,
  answer: Answer,
): string {
  const { error } = answer;
  const instead = status && "instead" in status ? status.instead : undefined;
  // Undefined fields are left out of the JSON.
  return jsonText({
    message: "entrepot: request",
    kind,
    method,
    name: name?.slice(0, MAX_CLIENT_TEXT),
    reference,
    status: answer.status,
    result,
    rule: source?.rule.name,
    repository: source?.repository,
    who,
    code: error?.code,
    why: error?.message ?? warning,
    cache: status && renderCacheStatus(status),
    wouldRefuse: findings?.length
      ? findings.map(({ check, message }) => ({ check, message }))
      : undefined,
    bytes: answer.bytes,
    upstreamStatus: error?.upstreamStatus ?? instead,
    ms: { ...steps.spent, total: steps.total },
    agent: agent?.slice(0, MAX_CLIENT_TEXT),
    ray: ray?.slice(0, MAX_CLIENT_TEXT),
  });
}

function refusalOf({ status }: RegistryError): Refusal {
  if (status === 401) return "unauthorized";
  if (status === 403) return "denied";
  if (status === 404) return "unknown";
  if (status === 429) return "limited";
  return status >= 500 ? "failed" : "invalid";
}
