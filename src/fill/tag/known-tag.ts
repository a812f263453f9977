// Known mapping of a tag: the object's own copy, as KV shows writes late, and the stores and the catalog that it keeps
// up to date.

import type { Digest } from "../../oci/digest.ts";
import type { TagMapping } from "../../policy/fresh.ts";
import { amended, retracted, type Sighting } from "../../policy/sightings.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { MAPPING_KEY } from "../../store/keys.ts";
import { TagStore } from "../../store/tags.ts";
import type { FillBindings } from "../contract.ts";
import { emptyStorage, type Outbox, REPORT_RETRY_DELAY } from "../shared/outbox.ts";
import { historyAfter, historyOf, type NamedTag } from "./tag-history.ts";

export type { NamedTag } from "./tag-history.ts";

/** The object's own copy; that the tag is gone is stored too. */
type Stored = { mapping: TagMapping } | { gone: true };

/** Time in ms that the object keeps what it has written into KV: KV shows a write after 60 s or more. */
const COPY_TTL = 5 * 60_000;

/** Time in ms to wait for `proved` before the mapping is written to KV without it. */
const PROVED_TIMEOUT = 5_000;

export class KnownTag {
  readonly #storage: DurableObjectStorage;
  readonly #tags: TagStore;
  readonly #outbox: Outbox;
  #stored: Stored | undefined;
  #putting: ReturnType<typeof setTimeout> | undefined;

  constructor(storage: DurableObjectStorage, outbox: Outbox, env: FillBindings) {
    this.#storage = storage;
    this.#tags = new TagStore(env.META, env.BLOBS);
    this.#outbox = outbox;
  }

  /** The object's own copy, else KV's. */
  async get({ source, tag }: NamedTag): Promise<TagMapping | undefined> {
    const near = this.#stored ? undefined : await this.#load(source, tag);
    // Another request may have set it while KV was read.
    const stored = this.#stored && "mapping" in this.#stored ? this.#stored.mapping : undefined;
    const mapping = this.#stored ? stored : near;
    // Kept by another rule of this upstream that has `keepDeleted`.
    return mapping?.deleted && !source.rule.keepDeleted ? undefined : mapping;
  }

  async #load(source: Source, tag: string): Promise<TagMapping | undefined> {
    const stored = await this.#storage.get<Stored>(MAPPING_KEY);
    this.#stored ??= stored;
    return stored ? undefined : this.#tags.get(source, tag);
  }

  /** The mapping from the R2 record, which is written when the tag moves; it may have been checked more recently. */
  async recorded({ source, tag }: NamedTag): Promise<TagMapping | undefined> {
    if (this.#stored) return undefined; // known to be gone
    const record = await this.#tags.whole(source, tag);
    if (!record || record.gone) return undefined;
    const { digest, recordedAt, confirmedAt, history } = record;
    return { digest, checkedAt: Math.max(recordedAt, confirmedAt), recorded: true, ...history };
  }

  /** The mapping with its history, where it was written by an earlier version. Throws if R2 fails. */
  async withHistory({ source, tag }: NamedTag, mapping: TagMapping): Promise<TagMapping> {
    if (mapping.seen) return mapping;
    const known = await this.#historyOf({ source, tag }, mapping, mapping);
    return known ? { ...mapping, ...known.history } : mapping;
  }

  /** @param known the previous mapping
   * @param isProvedNext `proved` will be called in a moment: KV allows one write per second and key, so it is written
   * then */
  async remember(
    { source, tag }: NamedTag,
    known: TagMapping | undefined,
    found: TagMapping,
    isProvedNext = false,
  ): Promise<TagMapping> {
    // What was amended while the upstream was asked counts.
    const latest = this.#stored && "mapping" in this.#stored ? this.#stored.mapping : known;
    const { digest, checkedAt } = found;
    const before = await this.#historyOf({ source, tag }, latest, found);
    const history = before && historyAfter(before, found);
    // Without its history a tag is not recorded: the record would say that it was never seen.
    const isNew = history !== undefined && (!known?.recorded || known.digest !== digest);
    const { seen: _, moves: __, ...bare } = found;
    const mapping = { ...bare, ...history, recorded: history !== undefined };
    // Set only once it is recorded: with a wrong record a sweep would take the tag for another's.
    await this.#store({ mapping: { ...mapping, recorded: mapping.recorded && !isNew } });
    const fact = { place: sourceKey(source), tag, digest, at: checkedAt, gone: false };
    if (isNew) await this.#outbox.tell({ tag: fact });
    try {
      if (isNew) {
        await this.#tags.record(source, tag, history, checkedAt);
        await this.#store({ mapping });
      } else if (history && history !== before?.history) {
        await this.#tags.amend(source, tag, history, before?.confirmedAt ?? checkedAt);
      }
      if (isProvedNext && !mapping.proved) this.#putLater(source, tag, mapping);
      else await this.#tags.put(source, tag, mapping);
    } catch (error) {
      // Lost are the KV copy, and the record until the next check; requests that miss it come here.
      console.error(`entrepot: storing a tag's mapping failed: ${(error as Error).message}`);
      return { ...found, ...history };
    }
    return mapping;
  }

  #historyOf(named: NamedTag, known: TagMapping | undefined, found: TagMapping) {
    const isOwn = this.#stored !== undefined && "mapping" in this.#stored;
    const isCurrent = isOwn || known?.digest === found.digest;
    return historyOf(this.#tags, named, known, isCurrent);
  }

  /** Adds to what is known of the digest that the tag means.
   * @returns the mapping; undefined if the tag means another digest by now */
  async amend(
    { source, tag }: NamedTag,
    digest: Digest,
    more: Partial<Sighting>,
  ): Promise<TagMapping | undefined> {
    const mapping = await this.get({ source, tag });
    if (mapping?.digest !== digest) return undefined;
    const known = await this.#historyOf({ source, tag }, mapping, mapping);
    const history = known && amended(known.history, digest, more);
    if (!known || !history || history === known.history) return undefined;
    const changed = { ...mapping, ...history };
    await this.#store({ mapping: changed });
    await this.#tags.amend(source, tag, history, known.confirmedAt);
    await this.#tags.put(source, tag, changed);
    return changed;
  }

  /** Forgets that the tag was seen to mean a digest that the upstream does not have. */
  async retract(named: NamedTag, digest: Digest): Promise<void> {
    const mapping = await this.get(named);
    if (mapping?.digest !== digest || !mapping.seen) return;
    const history = retracted({ seen: mapping.seen, moves: mapping.moves ?? [] }, digest);
    await this.#store({ mapping: { ...mapping, ...history } });
  }

  /** Writes into the record that the digest has been confirmed: its tenure then outlives the mapping in KV. */
  async confirm({ source, tag }: NamedTag, { seen, moves = [], checkedAt }: TagMapping) {
    if (seen) await this.#tags.amend(source, tag, { seen, moves }, checkedAt);
  }

  #putLater(source: Source, tag: string, mapping: TagMapping): void {
    this.#putting = setTimeout(() => {
      this.#putting = undefined;
      this.#tags.put(source, tag, mapping).catch((error: Error) => {
        console.error(`entrepot: storing a tag's mapping failed: ${error.message}`);
      });
    }, PROVED_TIMEOUT);
  }

  /** Records that the repository is linked to the tag's digest. */
  async proved({ source, tag }: NamedTag, digest: Digest): Promise<void> {
    const mapping = await this.get({ source, tag });
    if (!mapping || mapping.digest !== digest || mapping.proved) return;
    const proved = { ...mapping, proved: true };
    this.#cancelPut();
    if (this.#stored) await this.#store({ mapping: proved });
    await this.#tags.put(source, tag, proved);
  }

  /** Records that the upstream no longer has the tag. */
  async forget({ source, tag }: NamedTag, known: TagMapping, now: number): Promise<void> {
    await this.#store({ gone: true });
    const { digest } = known;
    await this.#outbox.tell({
      tag: { place: sourceKey(source), tag, digest, at: now, gone: true },
    });
    try {
      await this.#tags.forget(source, tag);
      await this.#tags.recordGone(source, tag, known.checkedAt, now);
    } catch (error) {
      // KV may still show it as stale; requests that find it so come here.
      console.error(`entrepot: deleting a tag's mapping failed: ${(error as Error).message}`);
    }
  }

  /** Deletes the tag for a sweep.
   * @param place given instead of a source, as the rule may be gone
   * @returns false if the tag points elsewhere by now */
  async remove(place: string, tag: string, digest: Digest): Promise<boolean> {
    if (!(await this.#tags.remove(place, tag, digest))) return false;
    await this.#empty();
    return true;
  }

  /** Stores the mapping again after it was served while a sweep deleted it. */
  async restore(place: string, tag: string, mapping: TagMapping): Promise<void> {
    const { digest, checkedAt } = mapping;
    await this.#tags.restore(place, tag, mapping);
    const record = await this.#tags.recordedIn(place, tag);
    if (record?.digest === digest && !record.gone)
      await this.#outbox.tell({ tag: { place, tag, digest, at: checkedAt, gone: false } });
  }

  /** Called by the object's alarm: reports what could not be reported, then drops the copy, which KV shows by now. */
  async tidy(): Promise<void> {
    if (!(await this.#outbox.isEmpty())) {
      await this.#storage.setAlarm(Date.now() + REPORT_RETRY_DELAY);
      if (!(await this.#outbox.empty())) return;
    }
    await this.#empty();
  }

  async #store(stored: Stored): Promise<void> {
    this.#cancelPut();
    this.#stored = stored;
    await this.#storage.put(MAPPING_KEY, stored);
    if (await this.#outbox.isEmpty()) await this.#storage.setAlarm(Date.now() + COPY_TTL);
  }

  /** Cancels a delayed write to KV. */
  #cancelPut(): void {
    clearTimeout(this.#putting);
    this.#putting = undefined;
  }

  async #empty(): Promise<void> {
    this.#cancelPut();
    this.#stored = undefined;
    await emptyStorage(this.#storage);
  }
}
