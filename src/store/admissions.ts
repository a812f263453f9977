// Admissions: digests that a rule's `verify` lets pass in a repository, kept in KV per version of the policy. Refusals are never kept here:
// an image may be signed a moment later.

import type { Digest } from "../oci/digest.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { Claims } from "./claims.ts";
import { countedKv } from "./counted.ts";
import { admissionKey } from "./keys.ts";
import { JUST_FETCHED, jsonForm, type Near, type NearKey } from "./near.ts";
import type { ReadVisit } from "./visit.ts";

export interface KeptAdmission {
  /** trusted: signed, or part of what is signed. exempt: a signature, attestation or SBOM, or a blob of one. */
  verdict: "trusted" | "exempt";
  /** Reason, such as "signed by the key ACME". */
  by: string;
  /** When it was decided or renewed, in ms since the epoch. */
  at: number;
  /** When it must be decided anew, in ms since the epoch. */
  until?: number;
}

/** What an admission is about. */
export interface AdmissionName {
  digest: Digest;
  /** As what it is served: the bytes of a blob may be a valid manifest. */
  kind: "manifest" | "blob";
  /** Of the policy (signatures/open). */
  version: string;
}

/** Time to live in KV, in s, from the last renewal. */
const ADMISSION_TTL = 90 * 24 * 60 * 60;
/** Age in ms from which a use renews an admission. */
const RENEW_AFTER = 30 * 24 * 60 * 60_000;
/** Interval in which an isolate renews an admission once, in ms: KV shows the renewal by then. */
const RENEW_INTERVAL = 10 * 60_000;
/** Maximum number of renewals that an isolate remembers. */
const MAX_RENEWALS = 5_000;

const FORM = jsonForm<KeptAdmission>((kept) =>
  typeof kept.at === "number" ? (kept as KeptAdmission) : undefined,
);

export class AdmissionStore {
  readonly #kv: KVNamespace;

  constructor(kv: KVNamespace) {
    this.#kv = countedKv(kv);
  }

  async get(source: Source, name: AdmissionName): Promise<KeptAdmission | undefined> {
    try {
      return (await this.#kv.get<KeptAdmission>(keyOf(source, name), "json")) ?? undefined;
    } catch (error) {
      console.error(`entrepot: KV failed to read an admission: ${(error as Error).message}`);
      return undefined; // the signatures are looked at again
    }
  }

  async put(source: Source, name: AdmissionName, kept: KeptAdmission): Promise<void> {
    const text = JSON.stringify(kept);
    await this.#kv.put(keyOf(source, name), text, { expirationTtl: ADMISSION_TTL });
  }
}

/** Reads admissions for client requests, from the nearest copy of KV's value. */
export class NearAdmissions {
  readonly #near: Near;
  readonly #store: AdmissionStore;
  readonly #renewed = new Claims(MAX_RENEWALS);

  constructor(near: Near, store: AdmissionStore) {
    this.#near = near;
    this.#store = store;
  }

  /** The admission, if it still counts. */
  async get(
    source: Source,
    name: AdmissionName,
    visit: ReadVisit,
  ): Promise<KeptAdmission | undefined> {
    const found = await this.#near.get(nearKey(source, name), visit, async () => {
      const value = await this.#store.get(source, name);
      return value && { value, layer: "kv" };
    });
    const kept = found?.value;
    if (!kept || (kept.until !== undefined && kept.until <= visit.now)) return undefined;
    if (visit.now - kept.at > RENEW_AFTER) this.#renew(source, name, kept, visit);
    return kept;
  }

  /** Keeps an admission. KV is written in the background, and may remember a miss for up to a minute. */
  keep(source: Source, name: AdmissionName, kept: KeptAdmission, visit: ReadVisit): void {
    this.#near.keep(nearKey(source, name), kept, visit, JUST_FETCHED);
    visit.later(
      this.#store.put(source, name, kept).catch((error: Error) => {
        // The next request decides anew.
        console.error(`entrepot: KV refused an admission of ${name.digest}: ${error.message}`);
      }),
    );
  }

  #renew(source: Source, name: AdmissionName, kept: KeptAdmission, visit: ReadVisit): void {
    const key = keyOf(source, name);
    if (!this.#renewed.take(key, visit.now, RENEW_INTERVAL)) return;
    this.keep(source, name, { ...kept, at: visit.now }, visit);
  }
}

function keyOf(source: Source, { digest, kind, version }: AdmissionName): string {
  return admissionKey(sourceKey(source), digest, kind, version);
}

function nearKey(source: Source, name: AdmissionName): NearKey<KeptAdmission> {
  return { key: keyOf(source, name), form: FORM };
}
