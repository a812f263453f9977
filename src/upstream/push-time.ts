// Push time: when the registry itself says that a tag was pushed with a digest. Never what the image says of itself.

import { pushTimesOf } from "../policy/push-times.ts";
import type { Source } from "../policy/source.ts";
import { openSecrets } from "./authorization/secrets.ts";
import type { UpstreamClient } from "./client/client.ts";
import { artifactRegistryTime } from "./push-times/artifact-registry.ts";
import type { Pushed, PushTime } from "./push-times/ask.ts";
import { dockerHubTime } from "./push-times/docker-hub.ts";
import { ghcrTime } from "./push-times/ghcr.ts";
import { quayTime } from "./push-times/quay.ts";

/** No registry of this kind is older; in ms since the epoch. */
const EARLIEST = Date.UTC(2013, 0, 1);

export interface PushTimeServices {
  client: UpstreamClient;
  /** The environment, with the rule's secrets. */
  variables: Readonly<Record<string, unknown>>;
}

/** A time that cannot be, or is in the future, counts as now. Throws UNAVAILABLE (503) where the registry cannot be asked now. */
export async function pushTime(
  services: PushTimeServices,
  source: Source,
  pushed: Pushed,
  now: number,
): Promise<PushTime> {
  const at = await timeOf(services, source, pushed);
  if (at === undefined) return undefined;
  return at >= EARLIEST && at <= now ? at : now;
}

async function timeOf(
  { client, variables }: PushTimeServices,
  source: Source,
  pushed: Pushed,
): Promise<PushTime> {
  const { rule } = source;
  switch (pushTimesOf(rule)) {
    case "docker-hub":
      return dockerHubTime(rule, pushed);
    case "quay":
      return quayTime(rule, pushed);
    case "artifact-registry":
      return artifactRegistryTime(client, source, pushed);
    case "ghcr": {
      const [name = ""] = rule.credentials;
      const read = openSecrets(variables)(rule, name);
      return "problem" in read ? undefined : ghcrTime(rule, read.credentials, pushed);
    }
    default:
      return undefined;
  }
}
