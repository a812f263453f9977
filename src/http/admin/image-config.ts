// The config of an image that is here, as JSON: foreign, and bounded.

import { parseObject } from "../../oci/json.ts";
import type { DescribedPart } from "../../oci/references.ts";
import type { PullServices } from "../../pull/services.ts";
import type { ReadVisit } from "../../store/visit.ts";

/** A config that is longer is not looked into, in bytes. */
export const LONGEST_CONFIG = 1024 * 1024;

/** Undefined where it is not here, or too long; an empty object where it is no JSON object. */
export async function configOf(
  services: PullServices,
  { digest, size }: DescribedPart,
  visit: ReadVisit,
): Promise<Record<string, unknown> | undefined> {
  if (size === 0 || size > LONGEST_CONFIG) return undefined;
  const opened = await services.blobs.open(digest, visit);
  if (!opened?.first) return undefined;
  if (opened.layout.size > LONGEST_CONFIG) {
    await opened.first.stream.cancel();
    return undefined;
  }
  const bytes = new Uint8Array(await new Response(opened.first.stream).arrayBuffer());
  return parseObject(bytes) ?? {};
}
