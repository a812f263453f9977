// Decision about one digest: exempt by its content, part of what passes, or signed itself.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { isUnknown } from "../../upstream/client/refusal.ts";
import { type AdmissionPolicy, type AdmissionRequest, passes, type Verdict } from "./contract.ts";
import { ownSignature } from "./own-signature.ts";
import type { Parent, Parents } from "./parents.ts";
import { fetchManifest, isExemptManifest } from "./read.ts";

/** Maximum number of parents that are decided about for one digest. Those that pass already cost one lookup each. */
const MAX_DECIDED = 8;

/** What a decision is made with. */
export interface DecisionTools {
  policy: AdmissionPolicy;
  parents: Parents;
  /** Verdict of a parent that is known without asking an upstream; undefined otherwise. */
  known(parent: AdmissionRequest): Promise<Verdict | undefined>;
  /** Verdict of a parent; undefined where the chain of parents is too long. */
  verdictOf(parent: AdmissionRequest): Promise<Verdict | undefined>;
  /** Looks for signatures past all TTLs. */
  force: boolean;
}

/** Throws only what the platform throws. */
export async function decide(request: AdmissionRequest, tools: DecisionTools): Promise<Verdict> {
  try {
    return await decided(request, tools);
  } catch (error) {
    if (error instanceof RegistryError) return { verdict: "undecided", reason: error.message };
    throw error;
  }
}

async function decided(request: AdmissionRequest, tools: DecisionTools): Promise<Verdict> {
  if (request.kind === "blob") return byParents(request, tools);
  const { policy, force } = tools;
  const { bytes } = request;
  const early = bytes && (await byContent(request, bytes));
  if (early && passes(early)) return early;
  const inherited = await byParents(request, tools);
  if (passes(inherited)) return inherited;
  const manifest = bytes ?? (await fetchManifest(request));
  const exempt = early ?? (await byContent(request, manifest));
  if (passes(exempt)) return exempt;
  const own = await ownSignature(request, policy, manifest, force);
  if (passes(own) || own.verdict === "undecided") return own;
  return [inherited, exempt].find(({ verdict }) => verdict === "undecided") ?? own;
}

/** What is exempt by its content. A signed index may lack children upstream, as copies of single platforms do: no reason to refuse it. */
async function byContent(request: AdmissionRequest, manifest: Uint8Array): Promise<Verdict> {
  try {
    if (await isExemptManifest(request, manifest))
      return { verdict: "exempt", by: "a signature, attestation or SBOM" };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (request.source.rule.offline || !isUnknown(error))
      return { verdict: "undecided", reason: error.message };
  }
  return { verdict: "unsigned" };
}

/** What passes because a parent does. A parent that is refused says nothing: the digest may be signed itself. */
async function byParents(request: AdmissionRequest, tools: DecisionTools): Promise<Verdict> {
  const { parents } = tools;
  const remembered = parents.remembered(request);
  const quick = await firstPassing(request, remembered, tools.known, tools);
  if (quick) return quick;
  let known: readonly Digest[];
  try {
    known = await parents.known(request);
  } catch (error) {
    const { message } = error as Error;
    console.warn(`entrepot: the catalog did not name parents of ${request.digest}: ${message}`);
    return { verdict: "undecided", reason: "the catalog does not answer at the moment" };
  }
  const again = await firstPassing(request, known, tools.known, tools);
  if (again) return again;
  let undecided: Verdict | undefined;
  const keepUndecided = async (parent: AdmissionRequest) => {
    const verdict = await tools.verdictOf(parent);
    if (verdict?.verdict === "undecided") undecided ??= verdict;
    return verdict;
  };
  for (const parent of known.slice(0, MAX_DECIDED)) {
    const passing = await firstPassing(request, [parent], keepUndecided, tools);
    if (passing) return passing;
  }
  return undecided ?? { verdict: "unsigned" };
}

type Look = (parent: AdmissionRequest) => Promise<Verdict | undefined>;

async function firstPassing(
  request: AdmissionRequest,
  candidates: readonly Digest[],
  look: Look,
  { parents }: DecisionTools,
): Promise<Verdict | undefined> {
  const verdicts = await Promise.all(
    candidates.map(async (digest) => {
      const parent = await parents.linked(request, digest);
      return parent && inheritedFrom(parent, request, await look(asParent(request, parent)));
    }),
  );
  return verdicts.find((verdict) => verdict !== undefined);
}

function asParent(request: AdmissionRequest, { digest, bytes }: Parent): AdmissionRequest {
  return { ...request, kind: "manifest", digest, bytes };
}

/** Attack: an SBOM whose layer is a manifest of what runs. Only blobs inherit an exemption: a child must be exempt itself. */
function inheritedFrom(
  { digest }: Parent,
  { kind }: AdmissionRequest,
  verdict: Verdict | undefined,
): Verdict | undefined {
  if (!verdict || !passes(verdict)) return undefined;
  if (verdict.verdict === "allowed") return verdict;
  if (verdict.verdict === "exempt")
    return kind === "blob" ? { verdict: "exempt", by: `part of ${digest}` } : undefined;
  const { until } = verdict;
  return { verdict: "trusted", by: `part of ${digest}`, ...(until !== undefined && { until }) };
}
