// Speaking to an upstream: one request with its authorization, its redirects and its deadlines.

import type { Digest } from "../oci/digest.ts";
import { type ErrorCode, RegistryError } from "../oci/error.ts";
import { UPSTREAM_ACCEPT } from "../oci/manifest.ts";
import type { Source } from "../policy/source.ts";
import { TimedBody } from "./body.ts";
import type { Gate } from "./gate.ts";
import { fetchFollowing } from "./redirect.ts";
import { refusalOf } from "./refusal.ts";

interface Asked {
  source: Source;
  method: "GET" | "HEAD";
  /** Behind `/v2/<repository>/`. */
  path: string;
  headers?: Record<string, string>;
  /** Statuses, beside 2xx, that the caller understands; anything else is thrown as the client is to see it. */
  understood?: readonly number[];
  /** What a 404 means here. */
  unknown: ErrorCode;
}

/** Statuses of a HEAD that are worth a GET: of an upstream that does not offer HEAD, or guards it otherwise (ECR Public
 * has answered blob HEADs with 401). */
const DEFICIENT_HEAD = [400, 401, 403, 405, 406, 501];

/** An upstream's answer: its headers are here, its body is still to be read, or cancelled. */
export interface Answer {
  status: number;
  headers: Headers;
  response: Response;
  body(): TimedBody;
  cancel(): void;
}

export class UpstreamClient {
  readonly #gate: Gate;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  /** @param range both ends inclusive; 416 comes back as an answer */
  blob(source: Source, digest: Digest, range?: { first: number; last: number }): Promise<Answer> {
    const headers: Record<string, string> = range
      ? { Range: `bytes=${range.first}-${range.last}` }
      : {};
    const path = `blobs/${digest}`;
    return this.#ask({
      source,
      method: "GET",
      path,
      headers,
      understood: range ? [416] : [],
      unknown: "BLOB_UNKNOWN",
    });
  }

  /** Undefined where the upstream's HEAD is deficient: ask by GET. */
  headBlob(source: Source, digest: Digest): Promise<Headers | undefined> {
    const path = `blobs/${digest}`;
    return this.#head({ source, method: "HEAD", path, unknown: "BLOB_UNKNOWN" });
  }

  manifest(source: Source, reference: string): Promise<Answer> {
    return this.#ask(manifestAsked(source, "GET", reference));
  }

  /** Undefined where the upstream's HEAD is deficient: ask by GET. */
  headManifest(source: Source, reference: string): Promise<Headers | undefined> {
    return this.#head(manifestAsked(source, "HEAD", reference));
  }

  tags(source: Source, query: URLSearchParams): Promise<Answer> {
    return this.#ask({
      source,
      method: "GET",
      path: `tags/list${suffix(query)}`,
      unknown: "NAME_UNKNOWN",
    });
  }

  /** A 404 comes back as an answer: the upstream does not know the referrers API. */
  referrers(source: Source, digest: Digest, query: URLSearchParams): Promise<Answer> {
    const path = `referrers/${digest}${suffix(query)}`;
    const headers = { Accept: UPSTREAM_ACCEPT };
    return this.#ask({
      source,
      method: "GET",
      path,
      headers,
      understood: [404],
      unknown: "NAME_UNKNOWN",
    });
  }

  async #head(asked: Asked): Promise<Headers | undefined> {
    const answer = await this.#ask({ ...asked, understood: DEFICIENT_HEAD });
    answer.cancel();
    return answer.status === 200 ? answer.headers : undefined;
  }

  async #ask(asked: Asked): Promise<Answer> {
    const { rule, repository } = asked.source;
    const scope = `repository:${repository}:pull`;
    const lent = await this.#gate.lend(rule, scope);
    let answer = await this.#send(asked, lent);
    let used = lent;
    if (answer.status === 401) {
      const challenge = answer.headers.get("www-authenticate");
      const offer = await this.#gate.answer(rule, scope, challenge, lent);
      if (offer !== undefined) {
        answer.cancel();
        answer = await this.#send(asked, offer);
        used = offer;
      }
    }
    const { status } = answer;
    if ((status >= 200 && status < 300) || asked.understood?.includes(status)) return answer;
    const error = await refusalOf(
      answer.response,
      rule.upstream.host,
      asked.unknown,
      secretsIn(used),
    );
    answer.cancel();
    throw error;
  }

  async #send(asked: Asked, authorization: string | undefined): Promise<Answer> {
    const { rule, repository } = asked.source;
    const { host, base } = rule.upstream;
    const controller = new AbortController();
    const response = await fetchFollowing(
      {
        url: `${base}/v2/${repository}/${asked.path}`,
        method: asked.method,
        headers: asked.headers ?? {},
        authorization,
      },
      host,
      rule.firstByteTimeout,
      controller,
    );
    return {
      status: response.status,
      headers: response.headers,
      response,
      body: () => new TimedBody(response, rule.silenceTimeout, host, controller),
      cancel: () => controller.abort(),
    };
  }
}

function manifestAsked(source: Source, method: "GET" | "HEAD", reference: string): Asked {
  const headers = { Accept: UPSTREAM_ACCEPT };
  return { source, method, path: `manifests/${reference}`, headers, unknown: "MANIFEST_UNKNOWN" };
}

function suffix(query: URLSearchParams): string {
  const text = query.toString();
  return text && `?${text}`;
}

/** What an upstream that echoes its request must not get into our error. */
function secretsIn(authorization: string | undefined): string[] {
  const [scheme, value] = authorization?.split(" ") ?? [];
  if (!value) return [];
  if (scheme !== "Basic") return [value];
  const login = atob(value);
  return [value, login.slice(login.indexOf(":") + 1)];
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
