// Speaking to an upstream: what is asked of it, and which of its answers are answers.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { UPSTREAM_ACCEPT } from "../oci/manifest.ts";
import type { Source } from "../policy/source.ts";
import type { Gate } from "./gate.ts";
import { type Answer, type Asked, type Purpose, Requests } from "./request.ts";
import type { Tally } from "./tally.ts";

export type { Answer, Purpose } from "./request.ts";

/** Statuses of a HEAD that are worth a GET: of an upstream that does not offer HEAD, or guards it otherwise (ECR Public
 * has answered blob HEADs with 401). */
const DEFICIENT_HEAD = [400, 401, 403, 405, 406, 501];

/** Statuses by which registries say that they have no referrers API, and redirects that lead nowhere. 401 is one without a challenge
 * alone: with one it is a matter of credentials. */
const NO_REFERRERS = [300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 406, 410, 415, 501];

/** Statuses that may refuse the size of a page: registries answer `n` above their limit with 400, 413, 416, 422 and others. Those left out
 * have a meaning of their own, whatever `n` is. */
const REFUSED_PAGE = Array.from({ length: 100 }, (_, at) => 400 + at).filter(
  (status) => ![401, 403, 404, 405, 408, 410, 425, 429, 451].includes(status),
);

export class UpstreamClient {
  readonly #requests: Requests;
  readonly #gate: Gate;

  constructor(gate: Gate, tally?: Tally) {
    this.#gate = gate;
    this.#requests = new Requests(gate, tally);
  }

  /** @param range both ends inclusive; 416 comes back as an answer */
  blob(
    source: Source,
    digest: Digest,
    range?: { first: number; last: number },
    purpose?: Purpose,
  ): Promise<Answer> {
    const headers: Record<string, string> = range
      ? { Range: `bytes=${range.first}-${range.last}` }
      : {};
    const path = `blobs/${digest}`;
    return this.#requests.send({
      source,
      method: "GET",
      kind: "blob",
      path,
      headers,
      understood: range ? [416] : [],
      unknown: "BLOB_UNKNOWN",
      ...(purpose && { purpose }),
    });
  }

  /** Undefined where the upstream's HEAD is deficient: ask by GET. */
  headBlob(source: Source, digest: Digest): Promise<Headers | undefined> {
    const path = `blobs/${digest}`;
    return this.#head({ source, method: "HEAD", kind: "blob", path, unknown: "BLOB_UNKNOWN" });
  }

  manifest(source: Source, reference: string, purpose?: Purpose): Promise<Answer> {
    return this.#requests.send(manifestAsked(source, "GET", reference, purpose));
  }

  /** Undefined where the upstream's HEAD is deficient: ask by GET. */
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

  async #head(asked: Asked): Promise<Headers | undefined> {
    const answer = await this.#requests.send({ ...asked, understood: DEFICIENT_HEAD });
    answer.cancel();
    return answer.status === 200 ? answer.headers : undefined;
  }
}

function manifestAsked(
  source: Source,
  method: "GET" | "HEAD",
  reference: string,
  purpose: Purpose = "client",
): Asked {
  const headers = { Accept: UPSTREAM_ACCEPT };
  const path = `manifests/${reference}`;
  return { source, purpose, method, path, headers, kind: "manifest", unknown: "MANIFEST_UNKNOWN" };
}

function suffix(query: URLSearchParams): string {
  const text = query.toString();
  return text && `?${text}`;
}

/** An answer's length in bytes, where it tells one. The length of a body that is compressed, though it was asked for as
 * it is, says nothing: what is read is decompressed. */
export function contentLength(headers: Headers): number | undefined {
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") return undefined;
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
