// UpstreamClient: the requests that the distribution specification defines, and which statuses count as answers.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { UPSTREAM_ACCEPT } from "../../oci/manifest.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import type { Gate } from "../contract.ts";
import { Doubts } from "../health/doubts.ts";
import { isUnknown } from "./refusal.ts";
import { type Answer, type Purpose, Requests, type UpstreamRequest } from "./request.ts";
import type { Tally } from "./tally.ts";

export type { Answer, Purpose } from "./request.ts";

/** Statuses of a HEAD that are followed by a GET, since the upstream does not support HEAD or guards it differently:
 * ECR Public has answered HEAD of blobs with 401, and a URL that is presigned for GET answers HEAD with 403. 404 is
 * excluded (upstream/health/head-trust.ts), as are statuses that say the upstream cannot answer now. */
const DEFICIENT_HEAD = [...Array.from({ length: 200 }, (_, at) => 300 + at), 501].filter(
  (status) => ![404, 408, 429].includes(status),
);

/** Statuses by which registries say that they have no referrers API, and redirects without a usable target. 401
 * counts only without a challenge: with one, credentials are missing. */
const NO_REFERRERS = [300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 406, 410, 415, 501];

/** Statuses that may refuse the page size: registries answer an `n` above their limit with 400, 413, 416, 422 and
 * others. The statuses left out have their own meaning, whatever `n` is. */
const PAGE_SIZE_REFUSALS = Array.from({ length: 100 }, (_, at) => 400 + at).filter(
  (status) => ![401, 403, 404, 405, 408, 410, 425, 429, 451].includes(status),
);

export interface BlobRequest {
  /** Both ends inclusive; 416 is returned, not thrown. */
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

  blob(source: Source, digest: Digest, how: BlobRequest = {}): Promise<Answer> {
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

  /** Returns undefined where the upstream's HEAD is deficient, or answers 404 and is not trusted: ask by GET. */
  headBlob(source: Source, digest: Digest): Promise<Headers | undefined> {
    const path = `blobs/${digest}`;
    return this.#head({ source, method: "HEAD", kind: "blob", path, unknown: "BLOB_UNKNOWN" });
  }

  manifest(source: Source, reference: string, purpose?: Purpose): Promise<Answer> {
    return this.#get(manifestAsked(source, "GET", reference, purpose));
  }

  /** Returns undefined where the upstream's HEAD is deficient, or answers 404 and is not trusted: ask by GET. */
  headManifest(source: Source, reference: string, purpose?: Purpose): Promise<Headers | undefined> {
    return this.#head(manifestAsked(source, "HEAD", reference, purpose));
  }

  /** Statuses that may refuse the page size or the query are returned, not thrown. */
  tags(source: Source, query: URLSearchParams): Promise<Answer> {
    return this.#requests.send({
      source,
      method: "GET",
      kind: "list",
      path: `tags/list${suffix(query)}`,
      understood: PAGE_SIZE_REFUSALS,
      unknown: "NAME_UNKNOWN",
    });
  }

  /** Statuses that say there is no referrers API are returned, not thrown. */
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

  /** Whether the upstream has recently been found to have no referrers API, so that it need not be asked. */
  lacksReferrers({ rule }: Source): Promise<boolean> {
    return this.#gate.lacksReferrers(rule);
  }

  /** @param has whether the repository was just seen with the referrers API */
  async sawReferrers({ rule, repository }: Source, has: boolean): Promise<void> {
    await this.#gate.sawReferrers(rule, repository, has);
  }

  async #head(request: UpstreamRequest): Promise<Headers | undefined> {
    const head: UpstreamRequest = { ...request, understood: DEFICIENT_HEAD, settled: true };
    const answer = await this.#requests.send(head);
    answer.cancel();
    if (answer.status === 404) this.#doubts.note(keyOf(request), Date.now());
    return answer.status === 200 ? answer.headers : undefined;
  }

  /** Sends a GET; where it confirms or refutes a 404 to HEAD, the gate is told. */
  async #get(request: UpstreamRequest): Promise<Answer> {
    if (!this.#doubts.take(keyOf(request), Date.now())) return this.#requests.send(request);
    try {
      const answer = await this.#requests.send(request);
      await this.#sawHead(request, false);
      return answer;
    } catch (error) {
      if (isUnknown(error)) await this.#sawHead(request, true);
      throw error;
    }
  }

  async #sawHead({ source, kind }: UpstreamRequest, agrees: boolean): Promise<void> {
    if (kind === "list") return;
    try {
      await this.#gate.sawHead(source.rule, kind, agrees);
    } catch (failure) {
      // The answer is valid although the gate could not be told.
      console.error(
        `entrepot: reporting an answer to the gate failed: ${(failure as Error).message}`,
      );
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

/** Whether the body is compressed although `identity` was requested. Its length and ranges are then not those of the
 * decompressed bytes. */
export function isEncoded(headers: Headers): boolean {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase();
  return encoding !== undefined && encoding !== "" && encoding !== "identity";
}

/** Returns the Content-Length in bytes, where it applies to the bytes that are read.
 * @param asSent whether the body is read without decompression */
export function contentLength(headers: Headers, asSent = false): number | undefined {
  if (!asSent && isEncoded(headers)) return undefined;
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Error for a body larger than `limit` bytes; such a body is refused, not truncated. */
export function tooLarge(host: string, what: string, limit: number): RegistryError {
  return new RegistryError(
    "SIZE_INVALID",
    `${host} answered with a ${what} larger than ${limit} bytes`,
    {
      status: 502,
    },
  );
}
