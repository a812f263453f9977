// Judgement: tries each signer of an entry on each candidate, and says whether the entry is satisfied.

import { certificatesIn, publicKeyIn, type Signers } from "../config/signers.ts";
import type { Signer } from "../config/verify.ts";
import { type Authorities, authoritiesOf } from "./authorities.ts";
import type { Candidate } from "./candidates.ts";
import { MAX_REASONS, type Outcome, type Proof, type Question } from "./contract.ts";
import { checkNotation } from "./notation.ts";
import { candidatesIn, type Material } from "./read.ts";
import { reasonOf, refuse, shown } from "./refusal.ts";
import { checkKey, checkKeyless } from "./sigstore.ts";

/** Judges the material by the entry. Never throws. */
export async function judge(question: Question): Promise<Outcome> {
  try {
    return await judged(question);
  } catch (error) {
    if (error instanceof Unusable) return { verdict: "undecided", reason: error.message };
    return { verdict: "undecided", reason: shown(`the verification failed: ${error}`) };
  }
}

/** Key material of the configuration that cannot be used. */
class Unusable extends Error {}

async function judged(question: Question): Promise<Outcome> {
  const { entry, unread } = question;
  const material = candidatesIn(question);
  if (material.candidates.length === 0)
    return unread === undefined
      ? { verdict: "unsigned" }
      : { verdict: "undecided", reason: shown(unread) };
  const tried = new Map<Signer, Tried>();
  for (const signer of [...entry.all, ...entry.any])
    tried.set(signer, await tryAll(signer, question, material));
  const resultsOf = (signers: readonly Signer[]) =>
    signers.map((signer) => tried.get(signer) as Tried);
  const all = resultsOf(entry.all);
  const any = resultsOf(entry.any);
  const one = any.find((result) => "proof" in result);
  if (all.every((result) => "proof" in result) && (any.length === 0 || one))
    return verified([...all, ...(one ? [one] : [])]);
  if (unread !== undefined) return { verdict: "undecided", reason: shown(unread) };
  const failed = [...all, ...(one ? [] : any)].flatMap((result) =>
    "reasons" in result ? result.reasons : [],
  );
  if (material.isCut) failed.unshift("there are more signatures than are examined");
  return { verdict: "invalid", reasons: bounded(failed) };
}

type Tried = { proof: Proof; until?: number } | { reasons: string[] };

function verified(results: readonly Tried[]): Outcome {
  const by = results.flatMap((result) => ("proof" in result ? [result.proof] : []));
  const ends = results.flatMap((result) =>
    "proof" in result && result.until !== undefined ? [result.until] : [],
  );
  const until = ends.length > 0 ? Math.min(...ends) : undefined;
  return { verdict: "verified", by, ...(until !== undefined && { until }) };
}

/** The first candidate that is by the signer, or why each is not. */
async function tryAll(signer: Signer, question: Question, material: Material): Promise<Tried> {
  const name = nameOf(signer);
  const check = checkOf(signer, question);
  const reasons = new Set<string>();
  for (const candidate of material.candidates)
    try {
      const { at, until } = await check(candidate);
      const proof = { signer: name, artifact: candidate.artifact, ...(at !== undefined && { at }) };
      return { proof, ...(until !== undefined && { until }) };
    } catch (error) {
      if (error instanceof Unusable) throw error;
      const where = candidate.artifact.slice(0, "sha256:".length + 12);
      reasons.add(shown(`${name}: the signature in ${where} ${reasonOf(error)}`));
    }
  return { reasons: [...reasons] };
}

interface Checked {
  at?: number;
  until?: number;
}

type Check = (candidate: Candidate) => Promise<Checked>;

/** The check of one signer; throws Unusable if its key material is missing. */
function checkOf(signer: Signer, { image, now, signers }: Question): Check {
  const authorities = () => usableAuthorities(signers);
  switch (signer.kind) {
    case "key": {
      const key = publicKeyIn(signers.pems[signer.name] ?? "");
      if (!key) throw new Unusable(`${nameOf(signer)} is missing or malformed`);
      return async (candidate) =>
        checkKey(only("sigstore", candidate), key, signer.log, authorities);
    }
    case "keyless":
      return async (candidate) => checkKeyless(only("sigstore", candidate), signer, authorities);
    case "certificate": {
      const trusted = certificatesIn(signers.pems[signer.name] ?? "");
      if (!trusted) throw new Unusable(`${nameOf(signer)} is missing or malformed`);
      return async (candidate) =>
        checkNotation(only("notation", candidate), { image, now, trusted });
    }
  }
}

const FORMATS = { sigstore: "cosign", notation: "notation" };

function only<Format extends keyof typeof FORMATS>(format: Format, candidate: Candidate) {
  if (candidate.format === "none") refuse(candidate.why);
  if (candidate.format !== format) refuse(`is not one of ${FORMATS[format]}`);
  return candidate as Extract<Candidate, { format: Format }>;
}

function usableAuthorities({ root }: Signers): Authorities {
  try {
    return authoritiesOf(root);
  } catch {
    throw new Unusable("the trusted root cannot be used");
  }
}

function nameOf(signer: Signer): string {
  switch (signer.kind) {
    case "key":
      return `the key ${signer.name}`;
    case "keyless":
      return `${signer.identity} (${signer.issuer})`;
    case "certificate":
      return `the certificate ${signer.name}`;
  }
}

function bounded(reasons: readonly string[]): string[] {
  if (reasons.length <= MAX_REASONS) return [...reasons];
  const shownOnes = reasons.slice(0, MAX_REASONS - 1);
  return [...shownOnes, `and ${reasons.length - shownOnes.length} more`];
}
