// Admission by signature: lets pass what a rule's `verify` asks for, refuses or reports the rest. A verdict that passes is kept, so that a
// warm pull costs one lookup; one that does not is remembered for seconds, since an image may be signed after it was pushed.

import { LRUCache } from "lru-cache";
import type { Signers } from "../../config/signers.ts";
import type { VerifyEntry } from "../../config/verify.ts";
import { meter } from "../../meter/meter.ts";
import { timed } from "../../meter/steps.ts";
import { atMost } from "../../platform/bounded.ts";
import { within } from "../../platform/deadline.ts";
import { polled } from "../../platform/polling.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { isAllowed } from "../../policy/trust.ts";
import { entryFor } from "../../policy/verify.ts";
import { verifyVersion } from "../../signatures/open.ts";
import type { AdmissionName, KeptAdmission, NearAdmissions } from "../../store/admissions.ts";
import { Claims } from "../../store/claims.ts";
import type { Pull } from "../pull.ts";
import { settleFinding } from "../trust.ts";
import {
  type AdmissionPolicy,
  type AdmissionRequest,
  type ContentRequest,
  passes,
  type Verdict,
} from "./contract.ts";
import { type DecisionTools, decide } from "./decide.ts";
import { findingOf } from "./finding.ts";
import { Parents } from "./parents.ts";
import { patient } from "./read.ts";

/** How long a refusal is remembered, in ms; then signatures are looked for past all TTLs. */
const REFUSED_TTL = 30_000;
/** Maximum number of refusals, and of results for waiting requests, that an isolate remembers. */
const MAX_RESULTS = 5_000;
/** Maximum number of manifests from a blob up to the image that is signed. */
const MAX_DEPTH = 4;
/** Polling interval of a request that waits for another's decision, in ms. */
const POLL_INTERVAL = 20;
/** Time in ms after which a decision that did not end is made again: its request may have been cancelled. */
const DECISION_TIMEOUT = 30_000;
/** Interval in ms in which an isolate tells one event of an image whose signatures are wrong. */
const EVENT_INTERVAL = 10 * 60_000;

const UNMATCHED = "unmatched";

/** The kept verdict of a digest, looked up while its content is. */
export interface Ahead {
  name: AdmissionName;
  kept: Promise<KeptAdmission | undefined>;
}

interface Result {
  verdict: Verdict;
  at: number;
}

export class Admission {
  readonly #near: NearAdmissions;
  readonly #parents = new Parents();
  readonly #results = new LRUCache<string, Result>(atMost(MAX_RESULTS));
  /** Key → when its decision began, in ms since the epoch. */
  readonly #deciding = new Map<string, number>();
  readonly #told = new Claims(MAX_RESULTS);

  constructor(near: NearAdmissions) {
    this.#near = near;
  }

  /** Begins the lookup of a kept verdict, to run beside other reads; undefined where none is needed. */
  ahead({ source, digest, pull }: ContentRequest, kind: AdmissionName["kind"]): Ahead | undefined {
    const policy = policyOf(source, pull);
    if (!policy || isAllowed(source.rule, digest, pull)) return undefined;
    const name = { digest, kind, version: policy.version };
    const kept = this.#near.get(source, name, pull);
    kept.catch(() => {}); // awaited in `admit`, if at all
    return { name, kept };
  }

  /** Throws DENIED (403) for an image that a rule refuses, and UNAVAILABLE (503) for one that it cannot decide about. Must be called once the
   * repository is known to be linked to the digest. */
  async admit(request: AdmissionRequest, ahead?: Ahead): Promise<void> {
    const { source, digest, pull, tag } = request;
    const policy = policyOf(source, pull);
    if (!policy) return;
    const deciding = this.#verdictInTime(request, policy, ahead);
    const verdict = await timed(pull.steps, "admission", deciding);
    if (passes(verdict)) {
      const isNew = verdict.verdict === "allowed" || !this.#parents.isRemembered(request);
      if (isNew) this.#passed(request, policy);
      return;
    }
    const finding = findingOf(request, policy, verdict);
    const subject = { source, digest, ...(tag !== undefined && { tag }) };
    if (finding) settleFinding(finding, subject, pull);
  }

  /** The verdict by the request's deadline; the decision goes on behind it. */
  async #verdictInTime(
    request: AdmissionRequest,
    policy: AdmissionPolicy,
    ahead: Ahead | undefined,
  ): Promise<Verdict> {
    const { pull } = request;
    try {
      const known = await this.#known(request, policy, ahead);
      if (known) return known;
      const unhurried = patient(request);
      const deciding = this.#decided(unhurried, policy, 0);
      pull.later(deciding.catch(() => {})); // reported below
      // A pull that is served anyway waits no longer than without the check.
      const isEnforced = request.source.rule.verify?.mode === "enforce";
      const { deadline } = isEnforced ? unhurried.pull : pull;
      return await within(deciding, deadline - Date.now());
    } catch (error) {
      console.error(`entrepot: no decision about ${request.digest}: ${(error as Error).message}`);
      return { verdict: "undecided", reason: "the check did not end in time" };
    }
  }

  /** The verdict, if it is known without asking an upstream. */
  async #known(
    request: AdmissionRequest,
    policy: AdmissionPolicy,
    ahead?: Ahead,
  ): Promise<Verdict | undefined> {
    const { source, digest, pull, kind } = request;
    if (isAllowed(source.rule, digest, pull)) return { verdict: "allowed" };
    const name = { digest, kind, version: policy.version };
    const isAhead = ahead?.name.digest === digest && ahead.name.version === policy.version;
    const kept = await (isAhead ? ahead.kept : this.#near.get(source, name, pull));
    if (kept) return passingOf(kept);
    const result = this.#results.get(keyOf(request, policy));
    const isRecent = result && pull.now - result.at < REFUSED_TTL;
    return isRecent && isRefused(result.verdict) ? result.verdict : undefined;
  }

  /** Decides, once per isolate at a time. */
  async #decided(
    request: AdmissionRequest,
    policy: AdmissionPolicy,
    depth: number,
  ): Promise<Verdict> {
    const key = keyOf(request, policy);
    const begun = Date.now();
    if (begun - (this.#deciding.get(key) ?? 0) < DECISION_TIMEOUT) {
      const ended = () =>
        this.#resultSince(key, begun) ?? (this.#deciding.has(key) ? undefined : "failed");
      const result = await polled(ended, POLL_INTERVAL, request.pull.deadline - begun);
      if (result !== undefined && result !== "failed") return result;
    }
    this.#deciding.set(key, begun);
    try {
      const verdict = await decide(request, this.#toolsFor(request, policy, depth));
      this.#results.set(key, { verdict, at: Date.now() });
      this.#keep(request, policy, verdict);
      return verdict;
    } finally {
      this.#deciding.delete(key);
    }
  }

  #resultSince(key: string, begun: number): Verdict | undefined {
    const result = this.#results.get(key);
    return result && result.at >= begun ? result.verdict : undefined;
  }

  #toolsFor(request: AdmissionRequest, policy: AdmissionPolicy, depth: number): DecisionTools {
    const known = (parent: AdmissionRequest) => this.#known(parent, policy);
    return {
      policy,
      parents: this.#parents,
      known,
      verdictOf: async (parent) =>
        (await known(parent)) ??
        (depth < MAX_DEPTH ? this.#decided(parent, policy, depth + 1) : undefined),
      force: isRefused(this.#results.get(keyOf(request, policy))?.verdict),
    };
  }

  /** Its parts pass too from now on. */
  #passed(request: AdmissionRequest, policy: AdmissionPolicy): void {
    for (const digest of this.#parents.remember(request))
      for (const kind of ["manifest", "blob"] as const)
        this.#results.delete(keyOf({ ...request, digest, kind }, policy));
  }

  #keep(request: AdmissionRequest, policy: AdmissionPolicy, verdict: Verdict): void {
    const { source, digest, kind, pull } = request;
    if (passes(verdict)) this.#passed(request, policy);
    if (verdict.verdict === "trusted" || verdict.verdict === "exempt") {
      const name = { digest, kind, version: policy.version };
      this.#near.keep(source, name, { ...verdict, at: pull.now }, pull);
    }
    if (verdict.verdict !== "invalid") return;
    const place = sourceKey(source);
    if (!this.#told.take(`${place}@${digest}`, pull.now, EVENT_INTERVAL)) return;
    const detail = verdict.reasons.join("; ");
    meter.happened({ what: "signature.failed", at: pull.now, place, digest, detail });
  }
}

function passingOf({ verdict, by, until }: KeptAdmission): Verdict {
  if (verdict === "exempt") return { verdict, by };
  return { verdict, by, ...(until !== undefined && { until }) };
}

function isRefused(verdict: Verdict | undefined): boolean {
  return verdict?.verdict === "unsigned" || verdict?.verdict === "invalid";
}

/** With the rule: what it takes as an allowance, and whether it asks the upstream, is its own. */
function keyOf({ source, digest, kind }: AdmissionRequest, { version }: AdmissionPolicy): string {
  return `${source.rule.name} ${sourceKey(source)}@${digest} ${kind} ${version}`;
}

const NO_SIGNERS: Signers = { pems: {} };
/** Versions, since every pull asks for one and it hashes all key material. */
const versions = new WeakMap<Signers, WeakMap<VerifyEntry, string>>();

/** The policy of a repository; undefined where no signature is asked for. */
export function policyOf(
  source: Source,
  { signers = NO_SIGNERS }: Pick<Pull, "signers">,
): AdmissionPolicy | undefined {
  const entry = entryFor(source);
  if (entry === "pass") return undefined;
  if (entry === "refuse") return { entry: undefined, version: UNMATCHED };
  const known = versions.get(signers) ?? new WeakMap<VerifyEntry, string>();
  versions.set(signers, known);
  const version = known.get(entry) ?? verifyVersion(entry, signers);
  known.set(entry, version);
  return { entry, version };
}
