// Referrers of a digest, as an upstream tells them: by its API, or under the tag that clients keep them where there is none
// (distribution-spec, "Referrers Tag Schema").

import { algorithmOf, type Digest, referrersTag } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { digestOf } from "../../oci/hash.ts";
import { parseObject } from "../../oci/json.ts";
import { INDEX_TYPES, judgeManifest } from "../../oci/manifest.ts";
import type { Source } from "../../policy/source.ts";
import type { ListPage } from "../../store/lists.ts";
import type { Answer, UpstreamClient } from "../../upstream/client/client.ts";
import { NameFailure } from "../../upstream/client/name-failure.ts";
import { Pointing } from "./pointing.ts";
import { nextOf, readList } from "./read-list.ts";

/** What says that an upstream has no such API, whatever is asked for. */
const NO_API = [404, 405, 406, 410, 415, 501];
/** What is answered by registries without the API, but also to what may not be read. */
const UNREADABLE = [401, 403];

type Referrers = Omit<ListPage, "checkedAt">;

/** That the API gave no referrers. */
interface Refused {
  /** The original answer. */
  refusal: RegistryError;
  /** Whether it says nothing of the referrers, so that none under the tag does not mean that there are none. */
  unreadable: boolean;
}

export class ReferrersReader {
  readonly #upstream: UpstreamClient;
  readonly #pointing: Pointing;

  constructor(upstream: UpstreamClient) {
    this.#upstream = upstream;
    this.#pointing = new Pointing(upstream);
  }

  /** A page by the API, or all that is under the tag. Throws the API's refusal where neither is there and it may hide some.
   * @param query of the upstream's next page; empty for the first */
  async read(source: Source, digest: Digest, query: URLSearchParams): Promise<Referrers> {
    const isFirst = query.size === 0;
    const lacking = isFirst && (await this.#upstream.lacksReferrers(source));
    const told = lacking ? undefined : await this.#byApi(source, digest, query);
    if (told && "entries" in told) return told;
    // Of an API that gave a first page: what is missing then is a page, not the API.
    if (told && !isFirst) throw told.refusal;
    const entries = await this.#byTag(source, digest);
    if (entries) return { entries, from: "tag" };
    if (told?.unreadable) throw told.refusal;
    return { entries: [], from: "none" };
  }

  async #byApi(
    source: Source,
    digest: Digest,
    query: URLSearchParams,
  ): Promise<Referrers | Refused> {
    let answer: Answer;
    try {
      answer = await this.#upstream.referrers(source, digest, query);
    } catch (error) {
      // A redirect to what cannot be followed: a page for people, on their own network.
      if (error instanceof NameFailure) return { refusal: error, unreadable: true };
      throw error;
    }
    const { status, elsewhere } = answer;
    if (status < 200 || status > 299) {
      const refusal = await answer.refusal();
      answer.cancel();
      // A page that is not there is still a page, and a client would take its 404 for the API's.
      if (elsewhere || status < 400) return { refusal: noIndex(source, answer), unreadable: true };
      if (NO_API.includes(status)) await this.#lacking(source, digest, status);
      return { refusal, unreadable: UNREADABLE.includes(status) };
    }
    const bytes = await readList(source, answer);
    const manifests = manifestsIn(bytes);
    if (!manifests) return { refusal: noIndex(source, answer), unreadable: true };
    await this.#upstream.sawReferrers(source, true);
    const next = nextOf(source, answer);
    const entries = manifests.filter((entry) => digestIn(entry) !== digest);
    return { entries, ...(next !== undefined && { next }), from: "api" };
  }

  /** A 404 may be of a repository, or a digest, that is not there: it tells of the API only where they are. */
  async #lacking(source: Source, digest: Digest, status: number): Promise<void> {
    if (status === 404 || status === 410) {
      const head = this.#upstream.headManifest(source, digest);
      if (!(await head.catch(() => undefined))) return;
    }
    await this.#upstream.sawReferrers(source, false);
  }

  /** Undefined where no such tag is there, or it is none of referrers: GitLab takes it for the subject's digest. */
  async #byTag(source: Source, digest: Digest): Promise<unknown[] | undefined> {
    const tag = referrersTag(digest);
    let answer: Answer;
    try {
      // Most have none, and a HEAD is no pull.
      await this.#upstream.headManifest(source, tag);
      answer = await this.#upstream.manifest(source, tag);
    } catch (error) {
      // Any other failure is one.
      if (error instanceof RegistryError && error.status === 404) return undefined;
      throw error;
    }
    const bytes = await readList(source, answer);
    if (digestOf(bytes, algorithmOf(digest)) === digest) return undefined;
    const manifests = manifestsIn(bytes);
    if (!manifests) {
      if ("mediaType" in judgeManifest(bytes)) return undefined;
      throw noIndex(source, answer);
    }
    const entries = await this.#pointing.only(source, digest, manifests);
    return entries.length === 0 && manifests.length > 0 ? undefined : entries;
  }
}

/** Of an index; undefined for any other body. */
function manifestsIn(bytes: Uint8Array): unknown[] | undefined {
  const body = parseObject(bytes);
  if (!body) return undefined;
  const { manifests, schemaVersion } = body;
  // As Go writes an empty list.
  if (manifests === null && schemaVersion === 2) return [];
  const judged = judgeManifest(bytes);
  if (!("mediaType" in judged) || !INDEX_TYPES.includes(judged.mediaType)) return undefined;
  return Array.isArray(manifests) ? manifests : [];
}

export function digestIn(entry: unknown): unknown {
  return (entry as { digest?: unknown } | null | undefined)?.digest;
}

function noIndex({ rule }: Source, { headers }: Answer): RegistryError {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  const told = /^[\w.+-]{1,80}\/[\w.+-]{1,80}$/.test(type.trim()) ? ` (${type.trim()})` : "";
  return new RegistryError(
    "UNAVAILABLE",
    `${rule.upstream.host} answered a question for referrers with something that is no OCI index${told}`,
  );
}
