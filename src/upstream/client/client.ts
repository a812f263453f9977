// Speaking to an upstream: what is asked of it, and which of its answers are answers.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { UPSTREAM_ACCEPT } from "../../oci/manifest.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import type { Gate } from "../contract.ts";
import { Doubts } from "../health/doubts.ts";
import { type Answer, type Purpose, Requests, type UpstreamRequest } from "./request.ts";
import type { Tally } from "./tally.ts";

export type { Answer, Purpose } from "./request.ts";

/** Statuses of a HEAD that are worth a GET: of an upstream that does not offer HEAD, or guards it otherwise (ECR Public has answered blob
 * HEADs with 401, and an address that is signed for GET is refused to HEAD with 403). 404 is not among them (upstream/head-trust), nor
 * what says that the upstream cannot answer now. */
const DEFICIENT_HEAD = [...Array.from({ length: 200 }, (_, at) => 300 + at), 501].filter(
  (status) => ![404, 408, 429].includes(status),
);

/** Statuses by which registries say that they have no referrers API, and redirects that lead nowhere. 401 is one without a challenge
 * alone: with one it is a matter of credentials. */
const NO_REFERRERS = [300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 406, 410, 415, 501];

/** Statuses that may refuse the size of a page: registries answer `n` above their limit with 400, 413, 416, 422 and others. Those left out
 * have a meaning of their own, whatever `n` is. */
const REFUSED_PAGE = Array.from({ length: 100 }, (_, at) => 400 + at).filter(
  (status) => ![401, 403, 404, 405, 408, 410, 425, 429, 451].includes(status),
);

export interface BlobAsked {
  /** Both ends inclusive; 416 comes back as an answer. */
  range?: { first: number; last: number };
  purpose?: Purpose;
  asSent?: boolean;
}

export class UpstreamClient {
  readonly #requests: Requests;
  readonly #gate: Gate;
  readonly #doubts = new Doubts();

  constructor(gate: Gate, tally?: Tally) {
    this.#gate = gate;
    this.#requests = new Requests(gate, tally);
  }

  blob(source: Source, digest: Digest, how: BlobAsked = {}): Promise<Answer> {
    const { range, purpose, asSent } = how;
    const headers: Record<string, string> = range
      ? { Range: `bytes=${range.first}-${range.last}` }
      : {};
    const path = `blobs/${digest}`;
    return this.#get({
      source,
      method: "GET",
      kind: "blob",
      path,
      headers,
      understood: range ? [416] : [],
      unknown: "BLOB_UNKNOWN",
      ...(purpose && { purpose }),
      ...(asSent && { asSent }),
    });
  }

  /** Undefined where the upstream's HEAD is deficient, or says 404 and is not believed: ask by GET. */
  headBlob(source: Source, digest: Digest): Promise<Headers | undefined> {
    const path = `blobs/${digest}`;
    return this.#head({ source, method: "HEAD", kind: "blob", path, unknown: "BLOB_UNKNOWN" });
  }

  manifest(source: Source, reference: string, purpose?: Purpose): Promise<Answer> {
    return this.#get(manifestAsked(source, "GET", reference, purpose));
  }

  /** Undefined where the upstream's HEAD is deficient, or says 404 and is not believed: ask by GET. */
  headManifest(source: Source, reference: string, purpose?: Purpose): Promise<Headers | undefined> {
    return this.#head(manifestAsked(source, "HEAD", reference, purpose));
  }

  /** What may say that this page is too large, or its query malformed, comes back as an answer. */
  tags(source: Source, query: URLSearchParams): Promise<Answer> {
    return this.#requests.send({
      source,
      method: "GET",
      kind: "list",
      path: `tags/list${suffix(query)}`,
      understood: REFUSED_PAGE,
      unknown: "NAME_UNKNOWN",
    });
  }

  /** What says that there is no referrers API comes back as an answer. */
  referrers(source: Source, digest: Digest, query: URLSearchParams): Promise<Answer> {
    const path = `referrers/${digest}${suffix(query)}`;
    const headers = { Accept: UPSTREAM_ACCEPT };
    return this.#requests.send({
      source,
      method: "GET",
      kind: "list",
      path,
      headers,
      understood: NO_REFERRERS,
      unchallenged: [401],
      unknown: "NAME_UNKNOWN",
    });
  }

  /** Whether the upstream is known, for a while, to have no referrers API: then it is not asked. */
  lacksReferrers({ rule }: Source): Promise<boolean> {
    return this.#gate.lacksReferrers(rule);
  }

  /** @param has whether the repository has just been seen with the referrers API, or without */
  sawReferrers({ rule, repository }: Source, has: boolean): Promise<void> {
    return this.#gate.sawReferrers(rule, repository, has);
  }

  async #head(asked: UpstreamRequest): Promise<Headers | undefined> {
    const head: UpstreamRequest = { ...asked, understood: DEFICIENT_HEAD, settled: true };
    const answer = await this.#requests.send(head);
    answer.cancel();
    if (answer.status === 404) this.#doubts.note(keyOf(asked), Date.now());
    return answer.status === 200 ? answer.headers : undefined;
  }

  /** A GET, of which the gate is told where it settles what HEAD had answered 404 to. */
  async #get(asked: UpstreamRequest): Promise<Answer> {
    if (!this.#doubts.take(keyOf(asked), Date.now())) return this.#requests.send(asked);
    try {
      const answer = await this.#requests.send(asked);
      await this.#sawHead(asked, false);
      return answer;
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) await this.#sawHead(asked, true);
      throw error;
    }
  }

  async #sawHead({ source, kind }: UpstreamRequest, agrees: boolean): Promise<void> {
    if (kind === "list") return;
    try {
      await this.#gate.sawHead(source.rule, kind, agrees);
    } catch (failure) {
      // The answer is here, whatever the gate makes of it.
      console.error(`entrepot: the gate took no note: ${(failure as Error).message}`);
    }
  }
}

function manifestAsked(
  source: Source,
  method: "GET" | "HEAD",
  reference: string,
  purpose: Purpose = "client",
): UpstreamRequest {
  const headers = { Accept: UPSTREAM_ACCEPT };
  const path = `manifests/${reference}`;
  return { source, purpose, method, path, headers, kind: "manifest", unknown: "MANIFEST_UNKNOWN" };
}

function keyOf({ source, path }: UpstreamRequest): string {
  return `${sourceKey(source)}/${path}`;
}

function suffix(query: URLSearchParams): string {
  const text = query.toString();
  return text && `?${text}`;
}

/** Whether an answer says that its body is compressed, though it was asked for as it is. Its length and its ranges are then not of what is
 * read, which is decompressed. */
export function isEncoded(headers: Headers): boolean {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase();
  return encoding !== undefined && encoding !== "" && encoding !== "identity";
}

/** An answer's length in bytes, where it tells one.
 * @param asSent what is read is not decompressed */
export function contentLength(headers: Headers, asSent = false): number | undefined {
  if (!asSent && isEncoded(headers)) return undefined;
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A body that is larger than `limit` bytes is refused, not cut. */
export function tooLarge(host: string, what: string, limit: number): RegistryError {
  return new RegistryError(
    "SIZE_INVALID",
    `${host} answered with a ${what} larger than ${limit} bytes`,
    {
      status: 502,
    },
  );
}
