// History of a tag: what it was seen to mean before a check, and after it.

import type { TagMapping } from "../../policy/fresh.ts";
import { ended, type History, NOTHING_SEEN, sighted } from "../../policy/sightings.ts";
import type { Source } from "../../policy/source.ts";
import type { TagStore } from "../../store/tags.ts";

/** A tag of a source's repository. */
export interface NamedTag {
  readonly source: Source;
  readonly tag: string;
}

/** A history, and the last check of its last digest, in ms since the epoch. */
export interface KnownHistory {
  history: History;
  confirmedAt: number;
}

/** The history before a check. Read from R2 where the mapping does not suffice: KV lags, and may have lost it.
 * @param isCurrent whether the mapping's own history counts, if it has one
 * @returns undefined if R2 fails */
export async function historyOf(
  tags: TagStore,
  { source, tag }: NamedTag,
  known: TagMapping | undefined,
  isCurrent: boolean,
): Promise<KnownHistory | undefined> {
  if (known?.seen && isCurrent) {
    const history = { seen: known.seen, moves: known.moves ?? [] };
    return { history, confirmedAt: known.checkedAt };
  }
  try {
    const record = await tags.whole(source, tag);
    if (record) {
      const { history, confirmedAt } = record;
      const isSame = known && !known.deleted && known.digest === history.seen.at(-1)?.digest;
      return {
        history,
        confirmedAt: isSame ? Math.max(confirmedAt, known.checkedAt) : confirmedAt,
      };
    }
  } catch (error) {
    console.error(`entrepot: reading a tag's history failed: ${(error as Error).message}`);
    return undefined;
  }
  if (!known) return { history: NOTHING_SEEN, confirmedAt: 0 };
  const { digest, checkedAt } = known;
  return { history: { seen: [{ digest, since: checkedAt }], moves: [] }, confirmedAt: checkedAt };
}

export function historyAfter(
  { history, confirmedAt }: KnownHistory,
  { digest, checkedAt, deleted }: TagMapping,
): History {
  if (!deleted) return sighted(history, digest, checkedAt, confirmedAt);
  // A restored tag has a record without times.
  const known = history.seen.length > 0 ? history : sighted(history, digest, checkedAt, 0);
  return ended(known, confirmedAt);
}
