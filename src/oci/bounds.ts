// Bounds of foreign JSON, checked on the bytes before anything is made of them: what a parser builds of 4 MiB of brackets fills an
// isolate, and what is nested deeper than a stack crosses no RPC.

import { parseObject } from "./json.ts";
import { jsonProblem } from "./json-bounds.ts";

/** Manifests, layers and other blobs that one manifest may name. Docker stops at 127 layers, ECR at 4,200. All of them together, with
 * sha512 digests and platforms, are one value of an object's storage: 2 MB at most. */
export const MOST_DESCRIPTORS = 5_000;

/** Why a manifest is more than is taken, to be read behind "it": undefined where it is not. Says nothing of whether it is one. */
export function excessIn(manifest: Uint8Array): string | undefined {
  const problem = jsonProblem(manifest);
  if (problem !== undefined) return problem;
  const { manifests, layers, blobs, fsLayers, history } = parseObject(manifest) ?? {};
  const lists = [manifests, layers, blobs, fsLayers, history].filter((list) => Array.isArray(list));
  const count = lists.reduce((sum, { length }) => sum + length, 0);
  return count > MOST_DESCRIPTORS
    ? `names ${count} manifests and blobs, and ${MOST_DESCRIPTORS} are the most`
    : undefined;
}
