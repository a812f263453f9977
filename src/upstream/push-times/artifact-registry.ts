// Push times of Google Artifact Registry and GCR: when the manifest was uploaded, in the extension of their tags/list. It is the manifest's
// time, not the tag's.

import { z } from "zod";
import { parseForeign } from "../../oci/json.ts";
import type { Source } from "../../policy/source.ts";
import type { UpstreamClient } from "../client/client.ts";
import { disagrees, type Pushed, type PushTime } from "./ask.ts";

/** Maximum size of the list, in bytes; about 300 for each manifest of the repository. */
const LIST_LIMIT = 8 * 1024 * 1024;

const answerSchema = z.object({
  manifest: z.record(
    z.string(),
    z.object({ tag: z.array(z.string()).default([]), timeUploadedMs: z.string() }),
  ),
});

/** Asked with the rule's credentials, as any list of the repository. */
export async function artifactRegistryTime(
  client: UpstreamClient,
  source: Source,
  pushed: Pushed,
): Promise<PushTime> {
  const { host } = source.rule.upstream;
  const { firstByteTimeout: time, silenceTimeout: silence } = source.rule;
  const answer = await client.tags(source, new URLSearchParams());
  const bytes = await answer.read({ bytes: LIST_LIMIT, silence, time, host });
  const { data } = answerSchema.safeParse(parseForeign(bytes.subarray(0, LIST_LIMIT)));
  if (!data) return undefined;
  const meant = data.manifest[pushed.digest];
  if (!meant?.tag.includes(pushed.tag)) throw disagrees(host, pushed);
  return Number(meant.timeUploadedMs);
}
