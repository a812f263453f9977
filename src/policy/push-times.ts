// Push times: which registries say when a tag was pushed. Derived from the upstream's own, known host; an upstream elsewhere has none. Pure.

import type { Rule } from "../config/rule.ts";

export type PushTimes = "docker-hub" | "quay" | "artifact-registry" | "ghcr";

/** Undefined where the registry has no such API, or the rule lacks the credentials that it asks for. */
export function pushTimesOf({ upstream, credentials }: Rule): PushTimes | undefined {
  const [host = ""] = upstream.host.split("/");
  if (host === "registry-1.docker.io") return "docker-hub";
  if (host === "quay.io") return "quay";
  if (host === "ghcr.io") return credentials.length > 0 ? "ghcr" : undefined;
  if (host === "gcr.io" || host.endsWith(".gcr.io") || host.endsWith("-docker.pkg.dev"))
    return "artifact-registry";
  return undefined;
}
