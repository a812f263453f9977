// Counts of vulnerabilities by severity, worst first, and those of an image's manifests.

import type { ImageDetailAnswer } from "../../api/images.ts";
import type { VerdictAnswer } from "../../api/verdicts.ts";
import { SEVERITIES } from "../../config/severity.ts";
import { type Api, orRefused, Refused } from "./api.ts";
import { count } from "./words.ts";

/** Maximum number of manifests of an image whose verdicts are read. */
const MAX_MANIFESTS = 12;
const CLASSES: Partial<Record<string, string>> = { critical: " bad", high: " careful" };

export function SeverityCounts({ counts }: { counts: VerdictAnswer["counts"] }) {
  const found = SEVERITIES.toReversed().filter((one) => counts[one].all > 0);
  if (found.length === 0) return <span class="badge good">none found</span>;
  return (
    <>
      {found.map((severity) => {
        const { all, fixable } = counts[severity];
        return (
          <>
            <span class={`badge${CLASSES[severity] ?? ""}`}>
              {count(all)} {severity}
              {fixable > 0 && `, ${count(fixable)} with a fix`}
            </span>{" "}
          </>
        );
      })}
    </>
  );
}

export interface ManifestVerdict {
  digest: string;
  platform?: string;
  /** Undefined where no scanner has reported on it. */
  verdict?: VerdictAnswer;
}

/** The verdicts of an image's cached manifests. */
export function verdictsOf(api: Api, { manifests }: ImageDetailAnswer): Promise<ManifestVerdict[]> {
  const here = manifests.filter((one) => one.here && one.config).slice(0, MAX_MANIFESTS);
  return Promise.all(
    here.map(async ({ digest, platform }) => {
      const path = `/verdicts/${encodeURIComponent(digest)}`;
      const verdict = await orRefused(api.get<VerdictAnswer>(path));
      if (verdict instanceof Refused && verdict.status !== 404) throw verdict;
      return {
        digest,
        ...(platform !== undefined && { platform }),
        ...(!(verdict instanceof Refused) && { verdict }),
      };
    }),
  );
}

export function ManifestVerdicts({ verdicts }: { verdicts: readonly ManifestVerdict[] }) {
  if (verdicts.length === 0) return <p>No image manifest is cached.</p>;
  return (
    <dl class="facts">
      {verdicts.map(({ digest, platform, verdict }) => (
        <>
          <dt>{platform ?? "manifest"}</dt>
          <dd>
            {verdict ? (
              <>
                <SeverityCounts counts={verdict.counts} />
                <a href={`/vulnerabilities/image?digest=${encodeURIComponent(digest)}`}>findings</a>
              </>
            ) : (
              "not scanned"
            )}
          </dd>
        </>
      ))}
    </dl>
  );
}
