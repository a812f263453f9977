// Image config: read from the cache as JSON, up to a size, since its content is untrusted.

import { parseObject } from "../../oci/json.ts";
import type { DescribedPart } from "../../oci/references.ts";
import type { PullServices } from "../../pull/services.ts";
import type { ReadVisit } from "../../store/visit.ts";

/** Maximum size of a config that is parsed, in bytes. */
export const MAX_CONFIG = 1024 * 1024;

/** @returns undefined when it is not cached or too large; an empty object when it is not a JSON object */
export async function configOf(
  services: PullServices,
  { digest, size }: DescribedPart,
  visit: ReadVisit,
): Promise<Record<string, unknown> | undefined> {
  if (size === 0 || size > MAX_CONFIG) return undefined;
  const opened = await services.blobs.open(digest, visit);
  if (!opened?.first) return undefined;
  if (opened.layout.size > MAX_CONFIG) {
    await opened.first.stream.cancel();
    return undefined;
  }
  const bytes = new Uint8Array(await new Response(opened.first.stream).arrayBuffer());
  return parseObject(bytes) ?? {};
}
