// Admission by vulnerabilities: refuses or reports images because of what scanners found in them. Indexes pass: each platform's manifest
// decides, and a blob passes with a manifest that does. Rules without the check cost nothing, a warm manifest one lookup.

import { LRUCache } from "lru-cache";
import { timed } from "../../meter/steps.ts";
import { algorithmOf, type Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { claimsExemption } from "../../oci/exempt.ts";
import { twinOf } from "../../oci/hash.ts";
import { parseObject } from "../../oci/json.ts";
import { namedIn } from "../../oci/references.ts";
import { atMost } from "../../platform/bounded.ts";
import { within } from "../../platform/deadline.ts";
import { namesOf } from "../../policy/allowed.ts";
import { baseOf } from "../../policy/route.ts";
import { ownName, type Source, sourceKey } from "../../policy/source.ts";
import { type Finding, isAllowed } from "../../policy/trust.ts";
import type { Verdict } from "../../policy/verdict.ts";
import { judged } from "../../policy/vulnerabilities.ts";
import type { NearVerdicts } from "../../store/verdicts.ts";
import { settleFinding } from "../trust.ts";
import type { AdmissionRequest, ContentRequest } from "./contract.ts";
import { Parents } from "./parents.ts";
import { fetchManifest, isExemptManifest, patient } from "./read.ts";

/** How long a blob passes without a look at its manifests, in ms. */
const BLOB_TTL = 30_000;
/** Maximum number of blobs that an isolate remembers. */
const MAX_BLOBS = 10_000;
/** Maximum number of manifests that are looked at for one blob or child. */
const MAX_PARENTS = 16;

/** Minimum time for a decision in ms, however late the pull is already. */
const LOOKUP_TIME = 1_000;

interface Refusal {
  message: string;
  undecided?: true;
}

/** allowed: passes as long as an allowance lasts, so that it must not be remembered. */
type Decision = "passes" | "allowed" | Refusal;

export class VulnerabilityCheck {
  readonly #near: NearVerdicts;
  readonly #parents = new Parents();
  /** Rule, place and digest of a blob → until when it passes, in ms since the epoch. */
  readonly #passing = new LRUCache<string, number>(atMost(MAX_BLOBS));

  constructor(near: NearVerdicts) {
    this.#near = near;
  }

  /** Begins the lookup of a manifest's verdict, to run beside other reads; undefined where none is needed. */
  ahead({ source, digest, pull }: ContentRequest): Promise<Verdict | undefined> | undefined {
    if (!source.rule.vulnerabilities) return undefined;
    const looking = this.#near.get(digest, pull);
    looking.catch(() => {}); // awaited in `check`
    return looking;
  }

  /** Throws DENIED (403) for what a rule refuses, and UNAVAILABLE (503) for what it cannot decide about. Must be called once the repository is
   * known to be linked to the digest. */
  async check(request: AdmissionRequest, ahead?: Promise<Verdict | undefined>): Promise<void> {
    const { source, digest, pull } = request;
    if (!source.rule.vulnerabilities) return;
    const finding = await timed(pull.steps, "admission", this.#findingFor(request, ahead));
    if (finding) settleFinding(finding, { source, digest }, pull);
  }

  async #findingFor(
    request: AdmissionRequest,
    ahead: Promise<Verdict | undefined> | undefined,
  ): Promise<Finding | undefined> {
    const { rule } = request.source;
    const check = "vulnerabilities" as const;
    const mode = rule.vulnerabilities?.mode ?? "report";
    try {
      const unhurried = patient(request);
      const deciding =
        request.kind === "blob" ? this.#ofBlob(unhurried) : this.#ofManifest(unhurried, ahead);
      // A pull that is served anyway waits hardly longer than without the check.
      const until = mode === "enforce" ? unhurried.pull.deadline : request.pull.deadline;
      const time = Math.max(until - Date.now(), LOOKUP_TIME);
      const refusal = await within(deciding, time, late);
      if (typeof refusal === "string") return undefined;
      const message = `${request.digest} is refused by the rule "${rule.name}": ${refusal.message}`;
      return { check, mode, message, ...(refusal.undecided && { undecided: true }) };
    } catch (error) {
      if (!(error instanceof RegistryError)) console.error("entrepot: no decision:", error);
      const reason = error instanceof RegistryError ? error.message : "the verdict cannot be read";
      const message = `cannot determine the vulnerabilities of ${request.digest}: ${reason}`;
      return { check, mode, message, undecided: true };
    }
  }

  async #ofManifest(
    request: AdmissionRequest,
    ahead?: Promise<Verdict | undefined>,
  ): Promise<Decision> {
    const { source, digest, pull } = request;
    const policy = source.rule.vulnerabilities;
    if (!policy) return this.#passes(request);
    if (isAllowed(source.rule, digest, pull)) return this.#passes(request, "allowed");
    const own = await (ahead ?? this.#near.get(digest, pull));
    const verdict = isUsual(digest) ? own : await this.#withTwin(request, own);
    const found = judged(verdict, policy, clientNames(source), pull.now);
    if (found.passes) return this.#passes(request);
    const bytes = request.bytes ?? (await fetchManifest(request));
    const whole = { ...request, bytes };
    if (isIndex(bytes)) return this.#passes(whole);
    if (claimsExemption(bytes) && (await isExemptManifest(whole, bytes)))
      return this.#passes(whole);
    if (await this.#isOfAllowed(whole)) return this.#passes(whole, "allowed");
    return { message: found.message };
  }

  /** Scanners name images by sha256. Attack: the same manifest by its sha512, which no scanner has reported on. */
  async #withTwin(
    request: AdmissionRequest,
    own: Verdict | undefined,
  ): Promise<Verdict | undefined> {
    const bytes = request.bytes ?? (await fetchManifest(request));
    const twin = await this.#near.get(twinOf(request.digest, bytes), request.pull);
    if (!own || !twin) return own ?? twin;
    const firstSeen = { ...own.firstSeen, ...twin.firstSeen };
    return { ...own, findings: [...own.findings, ...twin.findings], firstSeen };
  }

  /** Its blobs are requested next. */
  #passes(request: AdmissionRequest, how: "passes" | "allowed" = "passes"): typeof how {
    if (!this.#parents.isRemembered(request)) this.#parents.remember(request);
    return how;
  }

  /** Passes with one manifest that names it and passes. A blob of which no manifest is known is as one that was not scanned. */
  async #ofBlob(request: AdmissionRequest): Promise<Decision> {
    const { source, digest, pull } = request;
    const policy = source.rule.vulnerabilities;
    if (!policy || isAllowed(source.rule, digest, pull)) return "allowed";
    const key = `${source.rule.name} ${sourceKey(source)}@${digest}`;
    if ((this.#passing.get(key) ?? 0) > pull.now) return "passes";
    let first: Refusal | undefined;
    const tried = new Set<Digest>();
    const look = async (candidates: readonly Digest[]) => {
      for (const candidate of candidates.slice(0, MAX_PARENTS)) {
        if (tried.has(candidate)) continue;
        tried.add(candidate);
        const parent = await this.#parents.linked(request, candidate);
        if (!parent || isNamedAsManifest(parent.bytes, digest)) continue;
        const decision = await this.#ofManifest({ ...request, kind: "manifest", ...parent });
        if (typeof decision === "string") return decision;
        first ??= decision;
      }
      return undefined;
    };
    const passing =
      (await look(this.#parents.remembered(request))) ?? (await look(await this.#known(request)));
    if (passing === "passes") this.#passing.set(key, pull.now + BLOB_TTL);
    if (passing) return passing;
    if (first) return { ...first, message: `no image that passes names it; ${first.message}` };
    const unscanned = judged(undefined, policy, clientNames(source), pull.now);
    return unscanned.passes ? "passes" : { message: "no image that was scanned names it" };
  }

  /** Whether an index that names the manifest is allowed. */
  async #isOfAllowed(request: AdmissionRequest): Promise<boolean> {
    const { source, pull } = request;
    if (!pull.allowances || pull.allowances.size === 0) return false;
    const allowed = (await this.#known(request)).filter((one) => isAllowed(source.rule, one, pull));
    const linked = await Promise.all(allowed.map((one) => this.#parents.linked(request, one)));
    return linked.some((one) => one !== undefined);
  }

  async #known(request: AdmissionRequest): Promise<readonly Digest[]> {
    try {
      return await this.#parents.known(request);
    } catch (error) {
      console.warn(`entrepot: no parents of ${request.digest}: ${(error as Error).message}`);
      const message = "the catalog does not answer at the moment";
      throw new RegistryError("UNAVAILABLE", message, { status: 503 });
    }
  }
}

function late(): RegistryError {
  return new RegistryError("UNAVAILABLE", "the check did not end in time", { status: 503 });
}

function isUsual(digest: Digest): boolean {
  return algorithmOf(digest) === "sha256";
}

/** An index passes unseen. Attack: a manifest that it names, which is refused, requested as a blob. */
function isNamedAsManifest(bytes: Uint8Array, digest: Digest): boolean {
  const parts = namedIn(parseObject(bytes) ?? {});
  return parts.some((part) => part.kind === "manifest" && part.digest === digest);
}

/** Attack: an image with a list of `manifests` besides its layers, which some clients run. */
function isIndex(bytes: Uint8Array): boolean {
  const { manifests, config, layers } = parseObject(bytes) ?? {};
  return Array.isArray(manifests) && config === undefined && layers === undefined;
}

/** As a scanner's `repositories` name it. */
export function clientNames(source: Source): string[] {
  const base = baseOf(source.rule);
  const own = ownName(source);
  return [...new Set([base === undefined ? own : `${base}/${own}`, ...namesOf(source)])];
}
