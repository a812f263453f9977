// Subject of a report: the manifest that a scanner has read, proved by the digests that its report names.

import type { Digest } from "../oci/digest.ts";
import { parseObject } from "../oci/json.ts";
import { namedIn, partIn } from "../oci/references.ts";
import type { Report } from "./contract.ts";
import { InvalidReport } from "./report-parts.ts";

/** Maximum number of an index's children that are read. */
const MAX_CHILDREN = 100;

/** The manifest that the report is about. Throws InvalidReport where the report names another image.
 * @param digest that the sender names: a manifest, or an index of which the report describes one platform
 * @param bytes of that manifest @param read a cached manifest's bytes */
export async function subjectOf(
  report: Pick<Report, "manifests" | "config">,
  digest: Digest,
  bytes: Uint8Array,
  read: (digest: Digest) => Promise<Uint8Array | undefined>,
): Promise<Digest> {
  const { manifests, config } = report;
  const body = parseObject(bytes) ?? {};
  const children = namedIn(body).filter(({ kind }) => kind !== "blob");
  if (children.length > 0) {
    if (!config)
      throw new InvalidReport(
        `${digest} is an index: name the manifest of the platform that was scanned`,
      );
    for (const child of children.slice(0, MAX_CHILDREN)) {
      const own = await read(child.digest);
      if (own && configOf(own) === config) return child.digest;
    }
    throw new InvalidReport(
      `no cached manifest of the index ${digest} has the config ${config} that the report names: pull that platform first`,
    );
  }
  const own = configOf(bytes);
  // An image archive or a local image has no digest of its registry: its config tells it.
  if (config && own) {
    if (config === own) return digest;
    throw new InvalidReport(`the report is about another image: its config is ${config}`);
  }
  if (manifests.length === 0 || manifests.includes(digest)) return digest;
  throw new InvalidReport(`the report is about another image: ${manifests[0]}`);
}

function configOf(bytes: Uint8Array): Digest | undefined {
  return partIn(parseObject(bytes)?.config)[0]?.digest;
}
