// Trust: the one place where a finding against an image becomes a refusal, or a report of what would have been refused.

import { meter } from "../meter/meter.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import type { Finding } from "../policy/trust.ts";
import { Claims } from "../store/claims.ts";
import type { Pull } from "./pull.ts";

/** Interval in ms in which an isolate tells one event of a refused image, however often it is requested. */
const EVENT_INTERVAL = 10 * 60_000;
const told = new Claims(2_000);

/** The image that a finding is about. */
export interface Subject {
  source: Source;
  digest: Digest;
  /** Tag that it was requested by. */
  tag?: string;
}

/** Refuses the image where the rule enforces the check: throws DENIED (403), or UNAVAILABLE (503) where the check could not be
 * made. Otherwise the finding is added to the pull's. Both are counted and told as an event. */
export function settleFinding(finding: Finding, subject: Subject, pull: Pull): void {
  const { check, mode, message } = finding;
  const { source, digest, tag } = subject;
  const { name } = source.rule;
  meter.count("entrepot_trust_findings", { rule: name, check, mode });
  const place = sourceKey(source);
  if (told.take(`${name} ${place}@${digest} ${check}`, pull.now, EVENT_INTERVAL)) {
    const detail = mode === "enforce" ? message : `would be refused: ${message}`;
    const named = tag === undefined ? {} : { tag };
    meter.happened({ what: "pull.denied", at: pull.now, place, digest, ...named, detail });
  }
  if (mode === "report") pull.findings?.push(finding);
  else throw refusalOf(finding, digest, pull.now);
}

function refusalOf(finding: Finding, digest: Digest, now: number): RegistryError {
  const { check, message, until, undecided } = finding;
  const refusal = { by: check, digest };
  const seconds = until === undefined ? undefined : Math.max(1, Math.ceil((until - now) / 1000));
  const held = until !== undefined && { "Entrepot-Held-Until": new Date(until).toISOString() };
  if (!undecided) return new RegistryError("DENIED", message, { headers: { ...held }, refusal });
  const headers = { ...held, "Retry-After": String(seconds ?? 30) };
  return new RegistryError("UNAVAILABLE", message, { status: 503, headers, refusal });
}
