// Tag histories in R2: what a tag was seen to mean, in the metadata of its record. R2 allows 8 KiB of metadata.

import { type Digest, isDigest } from "../oci/digest.ts";
import type { History, Release, Sighting } from "../policy/sightings.ts";

export interface StoredHistory {
  history: History;
  /** The last check of the last digest that the record knows of, in ms since the epoch. */
  confirmedAt: number;
}

/** Maximum length of a history, in bytes; beyond it the texts of releases are dropped, which the audit log has. */
const MAX_LENGTH = 4_000;

type SightingRow = [
  digest: string,
  since: number,
  until: number | null,
  pushedAt: number | null,
  released?: [until: number, at: number, who: string, reason: string] | null,
  exempt?: 1,
];

/** In ASCII, as metadata are headers. */
export function historyText({ history, confirmedAt }: StoredHistory): string {
  const whole = textOf(history, confirmedAt, (text) => text);
  return whole.length <= MAX_LENGTH ? whole : textOf(history, confirmedAt, () => "");
}

function textOf(
  { seen, moves }: History,
  confirmedAt: number,
  shorten: (text: string) => string,
): string {
  const rows = seen.map(({ digest, since, until, pushedAt, released, exempt }): SightingRow => {
    const end = until ?? null;
    const pushed = pushedAt ?? null;
    if (exempt) return [digest, since, end, pushed, null, 1];
    if (!released) return [digest, since, end, pushed];
    const { until: over, at, who, reason } = released;
    return [digest, since, end, pushed, [over, at, shorten(who), shorten(reason)]];
  });
  const json = JSON.stringify({ seen: rows, moves, confirmedAt });
  return json.replace(/[^\x20-\x7e]/g, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Undefined where the text is no history. */
export function historyIn(text: string): StoredHistory | undefined {
  if (text === "") return undefined;
  try {
    const { seen, moves, confirmedAt } = JSON.parse(text) as Stored;
    const known = seen.map(sightingOf);
    return known.every(({ digest }) => isDigest(digest))
      ? { history: { seen: known, moves }, confirmedAt }
      : undefined;
  } catch {
    console.error("entrepot: a tag's history in R2 cannot be read");
    return undefined;
  }
}

interface Stored {
  seen: SightingRow[];
  moves: number[];
  confirmedAt: number;
}

function sightingOf([digest, since, until, pushedAt, released, exempt]: SightingRow): Sighting {
  return {
    digest: digest as Digest,
    since,
    ...(until !== null && { until }),
    ...(pushedAt !== null && { pushedAt }),
    ...(released && { released: releaseOf(released) }),
    ...(exempt && { exempt: true as const }),
  };
}

function releaseOf([until, at, who, reason]: NonNullable<SightingRow[4]>): Release {
  return { who, reason, at, until };
}
