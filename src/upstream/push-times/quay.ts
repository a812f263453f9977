// Push times of Quay: start_ts of the tag in its own API (docs.quay.io/api/swagger). Public repositories only.

import { z } from "zod";
import type { Rule } from "../../config/rule.ts";
import { askApi, disagrees, type Pushed, type PushTime } from "./ask.ts";

const HOST = "quay.io";

const answerSchema = z.object({
  tags: z.array(
    z.object({
      name: z.string(),
      manifest_digest: z.string(),
      /** In s since the epoch. */
      start_ts: z.number(),
    }),
  ),
});

export async function quayTime(rule: Rule, pushed: Pushed): Promise<PushTime> {
  const { repository, tag, digest } = pushed;
  const query = new URLSearchParams({ specificTag: tag, onlyActiveTags: "true" });
  const url = `https://${HOST}/api/v1/repository/${repository}/tag/?${query}`;
  const { data } = answerSchema.safeParse(await askApi(rule, url));
  const found = data?.tags.find((one) => one.name === tag);
  if (!found) return undefined;
  if (found.manifest_digest !== digest) throw disagrees(HOST, pushed);
  return found.start_ts * 1000;
}
