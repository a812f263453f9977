// An upstream with a path, which goes before /v2: right for some registries, and wrong for those that have their projects behind it.

import { isRepositoryName } from "../oci/name.ts";
import type { Rule } from "./rule.ts";

type Placed = Pick<Rule, "upstream" | "upstreamPrefix">;

/** Registries that answer at `/v2/` alone, by their hosts. */
const AT_ROOT =
  /^(?:(?:[a-z0-9-]+-docker)\.pkg\.dev|(?:[a-z0-9-]+\.)?gcr\.io|registry-1\.docker\.io|ghcr\.io|quay\.io|registry\.gitlab\.com|registry\.k8s\.io|public\.ecr\.aws|[0-9]+\.dkr\.ecr\.[a-z0-9.-]+|[a-z0-9]+\.azurecr\.io|mcr\.microsoft\.com)$/;
/** `/repository/NAME` is Nexus's, `/artifactory/api/docker/NAME` Artifactory's: their repositories do go before /v2. */
const BEFORE = [
  { path: /^\/repository\/[^/]+$/, whose: "Nexus" },
  { path: /^\/(?:artifactory\/)?api\/docker\/[^/]+$/, whose: "Artifactory" },
];

/** The path of a rule's upstream, as it is written; undefined where it has none. */
export function pathOf({ upstream }: Pick<Rule, "upstream">): string | undefined {
  const path = upstream.base.slice(new URL(upstream.base).origin.length);
  return path === "" ? undefined : path;
}

/** The same repositories with the path's project behind /v2; undefined where there is no path, or it can be no part of a name.
 * A path with `/v2/` in it is of the address that the registry is asked at. */
export function behindV2(rule: Placed): { upstream: string; upstreamPrefix: string } | undefined {
  const path = pathOf(rule);
  if (path === undefined) return undefined;
  const [before, project] = /^(.*?)\/v2\/(.+)$/.exec(path)?.slice(1) ?? ["", path.slice(1)];
  const upstreamPrefix = [project, rule.upstreamPrefix].filter(Boolean).join("/");
  if (!isRepositoryName(upstreamPrefix)) return undefined;
  return { upstream: new URL(rule.upstream.base).origin + before, upstreamPrefix };
}

/** As it is to be written into the rule. */
export function written({
  upstream,
  upstreamPrefix,
}: {
  upstream: string;
  upstreamPrefix: string;
}) {
  return `upstream = "${upstream}" and upstreamPrefix = "${upstreamPrefix}"`;
}

/** For `check`: where the path of the upstream goes, and what to write where it is meant to go elsewhere. */
export function pathHint(rule: Placed): string | undefined {
  const path = pathOf(rule);
  if (path === undefined) return undefined;
  const asked = `the upstream's path goes before /v2: ${rule.upstream.base}/v2/… is asked`;
  const known = BEFORE.find((one) => one.path.test(path));
  if (known) return `${asked}, as ${known.whose} has it`;
  const host = new URL(rule.upstream.base).hostname;
  const behind = behindV2(rule);
  const instead = behind ? `, write ${written(behind)}` : ", put it into upstreamPrefix";
  return AT_ROOT.test(host)
    ? `${asked}, and ${host} has no registry there. For a project or a namespace of it${instead}`
    : `${asked}. Nexus and Artifactory have it so; for a project of Harbor or Google Artifact Registry, which is behind /v2${instead}. \`rules validate\` tells which of them answers`;
}
