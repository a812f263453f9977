// Upstreams with a path, which goes before /v2: correct for some registries, and wrong for those with projects after /v2.

import { isRepositoryName } from "../oci/name.ts";
import type { Rule } from "./rule.ts";

type Placed = Pick<Rule, "upstream" | "upstreamPrefix">;

/** Hosts of registries whose API is at the root (`/v2/`) only. */
const AT_ROOT =
  /^(?:(?:[a-z0-9-]+-docker)\.pkg\.dev|(?:[a-z0-9-]+\.)?gcr\.io|registry-1\.docker\.io|ghcr\.io|quay\.io|registry\.gitlab\.com|registry\.k8s\.io|public\.ecr\.aws|[0-9]+\.dkr\.ecr\.[a-z0-9.-]+|[a-z0-9]+\.azurecr\.io|mcr\.microsoft\.com)$/;
/** Registry products whose repositories are paths before /v2: Nexus `/repository/NAME`, Artifactory `/artifactory/api/docker/NAME`. */
const BEFORE = [
  { path: /^\/repository\/[^/]+$/, whose: "Nexus" },
  { path: /^\/(?:artifactory\/)?api\/docker\/[^/]+$/, whose: "Artifactory" },
];

/** The path of a rule's upstream; undefined if there is none. */
export function pathOf({ upstream }: Pick<Rule, "upstream">): string | undefined {
  const path = upstream.base.slice(new URL(upstream.base).origin.length);
  return path === "" ? undefined : path;
}

/** The upstream and prefix that request the path's project after /v2; undefined if there is no path, or it is not a valid name.
 * In a path that contains `/v2/`, the part before stays in the upstream. */
export function behindV2(rule: Placed): { upstream: string; upstreamPrefix: string } | undefined {
  const path = pathOf(rule);
  if (path === undefined) return undefined;
  const [before, project] = /^(.*?)\/v2\/(.+)$/.exec(path)?.slice(1) ?? ["", path.slice(1)];
  const upstreamPrefix = [project, rule.upstreamPrefix].filter(Boolean).join("/");
  if (!isRepositoryName(upstreamPrefix)) return undefined;
  return { upstream: new URL(rule.upstream.base).origin + before, upstreamPrefix };
}

/** The two fields as text for a message. */
export function written({
  upstream,
  upstreamPrefix,
}: {
  upstream: string;
  upstreamPrefix: string;
}) {
  return `upstream = "${upstream}" and upstreamPrefix = "${upstreamPrefix}"`;
}

/** For `check`: says that the upstream's path goes before /v2, and what to write for a project after it. */
export function pathHint(rule: Placed): string | undefined {
  const path = pathOf(rule);
  if (path === undefined) return undefined;
  const asked = `the upstream's path goes before /v2: requests go to ${rule.upstream.base}/v2/…`;
  const known = BEFORE.find((one) => one.path.test(path));
  if (known) return `${asked}, as ${known.whose} expects`;
  const host = new URL(rule.upstream.base).hostname;
  const behind = behindV2(rule);
  const instead = behind ? `, write ${written(behind)}` : ", put it into upstreamPrefix";
  return AT_ROOT.test(host)
    ? `${asked}, and ${host} has no registry there. For a project or a namespace of it${instead}`
    : `${asked}. That is correct for Nexus and Artifactory; for a project of Harbor or Google Artifact Registry, which goes after /v2${instead}. \`rules validate\` tests which of them answers`;
}
