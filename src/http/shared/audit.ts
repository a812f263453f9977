// Audit of pulls: a record of every request for a manifest that was served or refused by a decision, as a line in the log or a
// data point of Analytics Engine. Nothing is sampled here, and no object is asked.

import { AUDIT_DATASET, type AuditSettings } from "../../config/audit.ts";
import type { Analytics } from "../../meter/analytics.ts";
import { isDigest } from "../../oci/digest.ts";
import type { Refusal } from "../../oci/error.ts";
import { globMatcher } from "../../policy/glob.ts";
import type { Check } from "../../policy/trust.ts";
import { jsonText, plain, reasonOf } from "../../text/plain.ts";
import type { Answer, Auditor, Entry } from "./recorder.ts";

/** Maximum length of a reason and of client-supplied text, in characters. Logpush cuts off what a request logs beyond 16 KB. */
const MAX_REASON = 300;
const MAX_CLIENT_TEXT = 200;
/** Maximum length of text that is searched for tokens, in characters. */
const MAX_SEARCHED = 4_096;
/** Maximum length of an index, in bytes. Names are ASCII. */
const MAX_INDEX = 96;

/** Pull tokens, and tokens of issuers. Attack: a client that is configured wrongly, or a hostile one, puts a token where a tag or its own
 * name belongs, and readers of the audit could use it. */
const TOKENS = /entrepot_\w{20,}|eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?/g;

/** What is recorded of one request. Fields are added, and never renamed: queries of users read them. */
export interface AuditedPull {
  /** ISO 8601. */
  at: string;
  /** would-refuse: served, though a check in report mode found something. */
  decision: "served" | "would-refuse" | "refused";
  method: string;
  /** A pull token's id, an issuer's subject, or a word for clients without a login. */
  who?: string | undefined;
  rule?: string | undefined;
  /** At the upstream. */
  repository?: string | undefined;
  /** As the client named it. */
  name?: string | undefined;
  /** Tag or digest, as requested. */
  reference?: string | undefined;
  /** Served, or refused. */
  digest?: string | undefined;
  status: number;
  refusedBy?: Refusal["by"] | "upstream" | "other" | undefined;
  why?: string | undefined;
  wouldRefuse?: { check: Check; message: string }[] | undefined;
  agent?: string | undefined;
  /** Cloudflare's request ID. */
  ray?: string | undefined;
}

export class Audit implements Auditor {
  readonly #repositories: readonly string[] | undefined;
  readonly #dataset: Analytics | undefined;
  readonly #isLogged: boolean;

  /** @param dataset if missing, what should go there is logged instead */
  constructor({ to, repositories }: AuditSettings, dataset: Analytics | undefined) {
    this.#repositories = repositories;
    this.#dataset = to.includes("analytics") ? dataset : undefined;
    this.#isLogged = to.includes("log") || !dataset;
    if (to.includes("analytics") && !dataset)
      console.error(
        `entrepot: AUDIT.to names analytics, but no dataset is bound as ${AUDIT_DATASET}: pulls are audited in the log`,
      );
  }

  audit(entry: Entry, answer: Answer, now: number): void {
    if (!isAudited(entry, answer) || !this.#isOfInterest(entry)) return;
    const pull = auditedPull(entry, answer, now);
    const isWritten = this.#dataset !== undefined && write(this.#dataset, pull);
    if (this.#isLogged || !isWritten) console.log(lineOf(pull));
  }

  /** Any of the repository's names may match, so that no other way to name it avoids the audit. */
  #isOfInterest({ target, name = "" }: Entry): boolean {
    const globs = this.#repositories;
    if (!globs) return true;
    const names = [name, ...(target?.names() ?? [])];
    return globs.some((glob) => names.some(globMatcher(glob)));
  }
}

/** A HEAD of a tag is recorded: containerd and Docker resolve the tag by it, and then pull by digest. */
function isAudited({ kind, method, reference = "" }: Entry, { status, error }: Answer): boolean {
  if (kind !== "manifest") return false;
  if (status === 403 || error?.refusal) return true;
  return (status === 200 || status === 304) && (method === "GET" || !isDigest(reference));
}

function auditedPull(entry: Entry, { status, error }: Answer, now: number): AuditedPull {
  const { method, who, target, source, name, reference, agent, ray } = entry;
  const routed = target?.routed;
  const findings = entry.findings ?? [];
  return {
    at: new Date(now).toISOString(),
    decision: error ? "refused" : findings.length > 0 ? "would-refuse" : "served",
    method,
    who: who && shortened(who, MAX_REASON),
    rule: source?.rule.name ?? routed?.configured.rule.name,
    repository: source?.repository ?? routed?.repository,
    name,
    reference: reference && hidden(reference),
    digest: error ? digestRefused(entry, error.refusal) : entry.digest,
    status,
    refusedBy: error && (error.refusal?.by ?? (error.upstreamStatus ? "upstream" : "other")),
    why: error && shortened(error.message, MAX_REASON),
    wouldRefuse:
      findings.length > 0
        ? findings.map(({ check, message }) => ({ check, message: shortened(message, MAX_REASON) }))
        : undefined,
    agent: agent && shortened(agent, MAX_CLIENT_TEXT),
    ray: ray && shortened(ray, MAX_CLIENT_TEXT),
  };
}

function digestRefused({ reference = "" }: Entry, refusal: Refusal | undefined) {
  return refusal?.digest ?? (isDigest(reference) ? reference : undefined);
}

function hidden(text: string): string {
  return text.replaceAll(TOKENS, "[token]");
}

/** Tokens are hidden before the text is cut, which could leave most of one. */
function shortened(text: string, max: number): string {
  return plain(hidden(text.slice(0, MAX_SEARCHED)), max);
}

function lineOf(pull: AuditedPull): string {
  return jsonText({ message: "entrepot: pull", ...pull });
}

/** Writes a data point; false where that fails. The index is what Analytics Engine samples by, should it sample: a flood of pulls of one
 * repository hides none of another. */
function write(dataset: Analytics, pull: AuditedPull): boolean {
  const { decision, method, who, rule, repository, name = "", reference, digest } = pull;
  const { status, refusedBy, why, wouldRefuse = [], agent, ray } = pull;
  const index = rule === undefined ? name : `${rule}/${repository}`;
  const checks = wouldRefuse.map(({ check }) => check).join(",");
  const reason = why ?? wouldRefuse.map(({ message }) => message).join("; ");
  const named = [decision, method, who, rule, repository, name, reference, digest];
  try {
    dataset.writeDataPoint({
      indexes: [index.slice(0, MAX_INDEX)],
      blobs: [...named, refusedBy, checks, reason, agent, ray].map((text) => text ?? ""),
      doubles: [status],
    });
    return true;
  } catch (error) {
    console.error(`entrepot: writing the audit to Analytics Engine failed: ${reasonOf(error)}`);
    return false;
  }
}
