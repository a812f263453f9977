// Bounds of foreign manifests, checked on the bytes before parsing (JSON bombs): the objects that a parser makes of 4 MiB of brackets fill
// an isolate, and values nested too deep cannot be sent by RPC.

import { parseObject } from "./json.ts";
import { jsonProblem } from "./json-bounds.ts";

/** Maximum number of manifests, layers and other blobs that one manifest may name; Docker allows 127 layers, ECR 4,200. All of them, with
 * sha512 digests and platforms, must fit into one value of a Durable Object's storage, 2 MB. */
export const MAX_DESCRIPTORS = 5_000;

/** Why a manifest exceeds the bounds, as the end of a sentence that begins with "it"; undefined if it does not. Does not validate it. */
export function excessIn(manifest: Uint8Array): string | undefined {
  const problem = jsonProblem(manifest);
  if (problem !== undefined) return problem;
  const { manifests, layers, blobs, fsLayers, history } = parseObject(manifest) ?? {};
  const lists = [manifests, layers, blobs, fsLayers, history].filter((list) => Array.isArray(list));
  const count = lists.reduce((sum, { length }) => sum + length, 0);
  return count > MAX_DESCRIPTORS
    ? `names ${count} manifests and blobs, more than the maximum of ${MAX_DESCRIPTORS}`
    : undefined;
}
