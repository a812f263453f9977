// List pages: read whole from an upstream's answer, within limits; of the next page's address only the query is used.

import { RegistryError } from "../../oci/error.ts";
import { parseObject } from "../../oci/json.ts";
import { jsonProblem } from "../../oci/json-bounds.ts";
import { nextPage } from "../../oci/link.ts";
import type { Source } from "../../policy/source.ts";
import { type Answer, tooLarge } from "../../upstream/client/client.ts";
import { boundsOf } from "../manifest/read-manifest.ts";

/** Maximum size of a page in bytes: fits tens of thousands of tags. */
export const LIST_LIMIT = 8 * 1024 * 1024;

/** Maximum length of the next page's query in characters: a client's request for it has to fit servers' limits. */
const MAX_NEXT_LENGTH = 4_096;

export interface Page {
  body: Record<string, unknown>;
  /** Length of the body in bytes. */
  bytes: number;
  /** Query of the next page, the same at the upstream and at this cache. */
  next?: string;
}

/** Throws SIZE_INVALID (502) for a page over the limit, and UNAVAILABLE (502) for a body that is no JSON object. */
export async function readPage(source: Source, answer: Answer): Promise<Page> {
  const { host } = source.rule.upstream;
  const bytes = await readList(source, answer);
  const body = parseObject(bytes);
  if (!body) {
    const message = `${host} returned content that is not a list`;
    throw new RegistryError("UNAVAILABLE", message, { upstreamStatus: answer.status });
  }
  const next = nextOf(source, answer);
  return { body, bytes: bytes.byteLength, ...(next !== undefined && { next }) };
}

/** Statuses by which upstreams refuse a request as malformed or too large. */
const MALFORMED = [400, 413, 414, 416, 422, 431];

/**
 * The refusal as clients see it: a request that the upstream finds malformed is 400 here too, and no upstream failure.
 */
export function asMalformed(refusal: RegistryError): RegistryError {
  const { message, upstreamStatus = 0 } = refusal;
  if (!MALFORMED.includes(upstreamStatus)) return refusal;
  return new RegistryError("UNSUPPORTED", message, { status: 400, upstreamStatus });
}

/** Reads any body. Throws SIZE_INVALID (502) for one over the limit. */
export async function readList(source: Source, answer: Answer): Promise<Uint8Array> {
  const { host } = source.rule.upstream;
  const bytes = await answer.read(boundsOf(source, LIST_LIMIT));
  if (bytes.byteLength > LIST_LIMIT) throw tooLarge(host, "list", LIST_LIMIT);
  const excess = jsonProblem(bytes);
  if (excess !== undefined) {
    const message = `${host} returned a list that ${excess}`;
    throw new RegistryError("SIZE_INVALID", message, { status: 502 });
  }
  return bytes;
}

/** Query of the next page; undefined where there is none. Throws UNAVAILABLE (502) for one that is too long. */
export function nextOf({ rule }: Source, answer: Answer): string | undefined {
  const next = nextPage(answer.headers.get("link"))?.toString();
  if ((next?.length ?? 0) > MAX_NEXT_LENGTH)
    throw new RegistryError(
      "UNAVAILABLE",
      `${rule.upstream.host} sent a next-page link that is too long`,
    );
  return next;
}
