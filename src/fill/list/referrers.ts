// Referrers of a digest: read by the upstream's API, or where it has none from the tag that clients store them under
// (distribution-spec, "Referrers Tag Schema").

import { algorithmOf, type Digest, referrersTag } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { digestOf } from "../../oci/hash.ts";
import { parseObject } from "../../oci/json.ts";
import { INDEX_TYPES, judgeManifest } from "../../oci/manifest.ts";
import { digestIn } from "../../oci/references.ts";
import type { Source } from "../../policy/source.ts";
import type { ListPage } from "../../store/lists.ts";
import type { Answer, UpstreamClient } from "../../upstream/client/client.ts";
import { NameFailure } from "../../upstream/client/name-failure.ts";
import { unlessUnknown } from "../../upstream/client/refusal.ts";
import { Pointing } from "./pointing.ts";
import { nextOf, readList } from "./read-list.ts";

/** Statuses of an upstream without the referrers API. */
const NO_API = [404, 405, 406, 410, 415, 501];
/** Statuses of some registries without the API, but also of repositories that may not be read. */
const UNREADABLE = [401, 403];

type Referrers = Omit<ListPage, "checkedAt">;

/** Result of an API request that returned no referrers. */
interface Refused {
  /** Error from the upstream's answer. */
  refusal: RegistryError;
  /** Whether the answer says nothing about the referrers: an empty tag then does not mean that there are none. */
  unreadable: boolean;
}

export class ReferrersReader {
  readonly #upstream: UpstreamClient;
  readonly #pointing: Pointing;

  constructor(upstream: UpstreamClient) {
    this.#upstream = upstream;
    this.#pointing = new Pointing(upstream);
  }

  /** A page from the API, or all entries under the tag. Throws the API's refusal if the tag has none either and the API
   * may hide some.
   * @param query of the upstream's next page; empty for the first */
  async read(source: Source, digest: Digest, query: URLSearchParams): Promise<Referrers> {
    const isFirst = query.size === 0;
    const lacking = isFirst && (await this.#upstream.lacksReferrers(source));
    const reply = lacking ? undefined : await this.#byApi(source, digest, query);
    if (reply && "entries" in reply) return reply;
    // The API gave a first page: a page is missing, not the API.
    if (reply && !isFirst) throw reply.refusal;
    const entries = await this.#byTag(source, digest);
    if (entries) return { entries, from: "tag" };
    if (reply?.unreadable) throw reply.refusal;
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
      // A redirect to an address that cannot be followed: a login page on the registry's own network.
      if (error instanceof NameFailure) return { refusal: error, unreadable: true };
      throw error;
    }
    const { status, elsewhere } = answer;
    if (status < 200 || status > 299) {
      const refusal = await answer.refusal();
      answer.cancel();
      // A 404 of a redirect target says nothing about the API, and a client would take it for the API's.
      if (elsewhere || status < 400) return { refusal: noIndex(source, answer), unreadable: true };
      if (NO_API.includes(status)) await this.#lacking(source, digest, status);
      return { refusal, unreadable: UNREADABLE.includes(status) };
    }
    const bytes = await readList(source, answer);
    const manifests = manifestsIn(bytes);
    if (!manifests) return { refusal: noIndex(source, answer), unreadable: true };
    await this.#upstream.sawReferrers(source, true);
    const next = nextOf(source, answer);
    const entries = manifests.filter((entry) => digestIn(entry)[0] !== digest);
    return { entries, ...(next !== undefined && { next }), from: "api" };
  }

  /** Remembers that the upstream lacks the API. A 404 may mean a missing repository or digest: it counts only if the
   * subject exists. */
  async #lacking(source: Source, digest: Digest, status: number): Promise<void> {
    if (status === 404 || status === 410) {
      const head = this.#upstream.headManifest(source, digest);
      if (!(await head.catch(() => undefined))) return;
    }
    await this.#upstream.sawReferrers(source, false);
  }

  /** Undefined where the tag does not exist or holds no referrers: GitLab resolves it to the subject's digest. */
  async #byTag(source: Source, digest: Digest): Promise<unknown[] | undefined> {
    const tag = referrersTag(digest);
    let answer: Answer;
    try {
      // HEAD first: most subjects have no such tag, and HEAD is no pull.
      await this.#upstream.headManifest(source, tag);
      answer = await this.#upstream.manifest(source, tag);
    } catch (error) {
      return unlessUnknown(error);
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

/** Entries of an index; undefined for any other body. */
function manifestsIn(bytes: Uint8Array): unknown[] | undefined {
  const body = parseObject(bytes);
  if (!body) return undefined;
  const { manifests, schemaVersion } = body;
  // Go serializes an empty list as null.
  if (manifests === null && schemaVersion === 2) return [];
  const judged = judgeManifest(bytes);
  if (!("mediaType" in judged) || !INDEX_TYPES.includes(judged.mediaType)) return undefined;
  return Array.isArray(manifests) ? manifests : [];
}

function noIndex({ rule }: Source, { headers }: Answer): RegistryError {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  const sent = /^[\w.+-]{1,80}\/[\w.+-]{1,80}$/.test(type.trim()) ? ` (${type.trim()})` : "";
  return new RegistryError(
    "UNAVAILABLE",
    `${rule.upstream.host} did not return an OCI index to a referrers request${sent}`,
  );
}
