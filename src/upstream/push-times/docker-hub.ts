// Push times of Docker Hub: tag_last_pushed of the tag in its own API (docs.docker.com/reference/api/hub). Public repositories only.

import { z } from "zod";
import type { Rule } from "../../config/rule.ts";
import { askApi, disagrees, type Pushed, type PushTime } from "./ask.ts";

const HOST = "hub.docker.com";

/** Tags that were pushed long ago have no digest. */
const answerSchema = z.object({ digest: z.string(), tag_last_pushed: z.string() });

export async function dockerHubTime(rule: Rule, pushed: Pushed): Promise<PushTime> {
  const [namespace = "", ...name] = pushed.repository.split("/").map(encodeURIComponent);
  const path = `namespaces/${namespace}/repositories/${name.join("/")}/tags/${pushed.tag}`;
  const { data } = answerSchema.safeParse(await askApi(rule, `https://${HOST}/v2/${path}`));
  if (!data) return undefined;
  if (data.digest !== pushed.digest) throw disagrees(HOST, pushed);
  return Date.parse(data.tag_last_pushed);
}
