// Platforms of manifests: as an index names them, or read from a config, where "" means that it names none.

import type { Digest } from "../../oci/digest.ts";
import { NO_PLATFORM } from "../../oci/platform.ts";
import type { Database } from "../database.ts";
import type { Platforms } from "../query/contract.ts";

/** Platforms of an index's children, or a manifest's own. An artifact with an artifactType has none. */
export function platformsOf(database: Database, content: number): Platforms {
  const below = database.all<{ platform: string }>(
    `SELECT DISTINCT platform FROM refs JOIN contents ON contents.id = child
     WHERE parent = ? AND NOT weak AND platform NOT IN ('', ?) ORDER BY platform`,
    content,
    NO_PLATFORM,
  );
  if (below.length > 0) return { platforms: below.map(({ platform }) => platform) };
  const query = "SELECT platform, artifact_type FROM contents WHERE id = ?";
  const own = database.one<{ platform: string | null; artifact_type: string | null }>(
    query,
    content,
  );
  const isUnread = own.platform === null && own.artifact_type === null;
  return { platforms: own.platform ? [own.platform] : [], ...(isUnread && { unread: true }) };
}

/** Stores platforms read from configs; a platform named by an index takes precedence. */
export function learnPlatforms(
  database: Database,
  known: readonly { digest: Digest; platform: string }[],
): void {
  const query =
    "UPDATE contents SET platform = ? WHERE digest = ? AND kind = 'manifest' AND platform IS NULL";
  for (const { digest, platform } of known) database.run(query, platform, digest);
}
