// What a tag's object knows of the tag: its own memory of what KV shows late, and the stores and the catalog that it keeps up to date.

import type { Digest } from "../../oci/digest.ts";
import type { TagMapping } from "../../policy/fresh.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { MAPPING_KEY } from "../../store/keys.ts";
import { TagStore } from "../../store/tags.ts";
import type { FillBindings } from "../contract.ts";
import { empty } from "../shared/emptied.ts";
import { type Outbox, TELL_AGAIN } from "../shared/outbox.ts";

/** What the object stores: that there is none is as good to know. */
type Stored = { mapping: TagMapping } | { gone: true };

/** For how long the object remembers what it has written into KV, in ms: KV shows a write after 60 s or more. */
const REMEMBER = 5 * 60_000;

/** How long the mapping of a tag that is about to be proved waits for that before KV has it all the same, in ms. */
const PROVED_WITHIN = 5_000;

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

  /** What the object knows itself, since KV shows late what was written; else what KV does. */
  async get(source: Source, tag: string): Promise<TagMapping | undefined> {
    const near = this.#stored ? undefined : await this.#near(source, tag);
    // Somebody may have found out while KV was read.
    const stored = this.#stored && "mapping" in this.#stored ? this.#stored.mapping : undefined;
    const mapping = this.#stored ? stored : near;
    // Another rule of this upstream keeps what is deleted.
    return mapping?.deleted && !source.rule.keepDeleted ? undefined : mapping;
  }

  async #near(source: Source, tag: string): Promise<TagMapping | undefined> {
    const stored = await this.#storage.get<Stored>(MAPPING_KEY);
    this.#stored ??= stored;
    return stored ? undefined : this.#tags.get(source, tag);
  }

  /** From the record, which is written when the tag moves: the mapping is that old, or younger. */
  async recorded(source: Source, tag: string): Promise<TagMapping | undefined> {
    if (this.#stored) return undefined; // that it is gone
    const record = await this.#tags.recorded(source, tag);
    if (!record || record.gone) return undefined;
    return { digest: record.digest, checkedAt: record.recordedAt, recorded: true };
  }

  /** @param known what was known before
   * @param isProvedNext `proved` will be told in a moment, and KV takes one write a second to a key: so it is written then */
  async remember(
    source: Source,
    tag: string,
    known: TagMapping | undefined,
    found: TagMapping,
    isProvedNext = false,
  ): Promise<TagMapping> {
    const isNew = !known?.recorded || known.digest !== found.digest;
    const { digest, checkedAt } = found;
    const mapping = { ...found, recorded: true };
    // Not recorded before it is: a record that says otherwise for ever would have a sweep take the tag for another's.
    await this.#store({ mapping: { ...mapping, recorded: !isNew } });
    if (isNew) await this.#tell(sourceKey(source), tag, digest, checkedAt, false);
    try {
      if (isNew) {
        await this.#tags.record(source, tag, digest, checkedAt);
        await this.#store({ mapping });
      }
      if (isProvedNext && !mapping.proved) this.#putLater(source, tag, mapping);
      else await this.#tags.put(source, tag, mapping);
    } catch (error) {
      // What is lost is the near copy, and the record until the tag is checked again; whoever misses it comes here.
      console.error(`entrepot: a tag's mapping was not stored: ${(error as Error).message}`);
      return found;
    }
    return mapping;
  }

  #putLater(source: Source, tag: string, mapping: TagMapping): void {
    this.#putting = setTimeout(() => {
      this.#putting = undefined;
      this.#tags.put(source, tag, mapping).catch((error: Error) => {
        console.error(`entrepot: a tag's mapping was not stored: ${error.message}`); // as above
      });
    }, PROVED_WITHIN);
  }

  /** The repository is linked to what the tag means. */
  async proved(source: Source, tag: string, digest: Digest): Promise<void> {
    const mapping = await this.get(source, tag);
    if (!mapping || mapping.digest !== digest || mapping.proved) return;
    const proved = { ...mapping, proved: true };
    this.#putNoMore();
    if (this.#stored) await this.#store({ mapping: proved });
    await this.#tags.put(source, tag, proved);
  }

  /** The upstream has it no more. */
  async forget(source: Source, tag: string, known: TagMapping, now: number): Promise<void> {
    await this.#store({ gone: true });
    await this.#tell(sourceKey(source), tag, known.digest, now, true);
    try {
      await this.#tags.forget(source, tag);
      await this.#tags.recordGone(source, tag, now);
    } catch (error) {
      // It is stale where it still shows, and whoever finds it so comes here.
      console.error(`entrepot: a tag was not forgotten: ${(error as Error).message}`);
    }
  }

  /** A sweep deletes the tag, if it means that.
   * @param place its rule may be gone
   * @returns false where it means something else by now */
  async remove(place: string, tag: string, digest: Digest): Promise<boolean> {
    if (!(await this.#tags.remove(place, tag, digest))) return false;
    await this.#empty();
    return true;
  }

  /** Somebody was served what the tag meant while a sweep deleted it: it is known again. */
  async restore(place: string, tag: string, mapping: TagMapping): Promise<void> {
    const { digest, checkedAt } = mapping;
    await this.#tags.restore(place, tag, mapping);
    const record = await this.#tags.recordedIn(place, tag);
    if (record?.digest === digest && !record.gone)
      await this.#tell(place, tag, digest, checkedAt, false);
  }

  /** For the object's alarm: tells the catalog what it could not be told, and then forgets what KV shows by now. */
  async tidy(): Promise<void> {
    if (!(await this.#outbox.isEmpty())) {
      await this.#storage.setAlarm(Date.now() + TELL_AGAIN);
      if (!(await this.#outbox.empty())) return;
    }
    await this.#empty();
  }

  async #tell(
    place: string,
    tag: string,
    digest: Digest,
    at: number,
    gone: boolean,
  ): Promise<void> {
    await this.#outbox.tell({ tag: { place, tag, digest, at, gone } });
  }

  async #store(stored: Stored): Promise<void> {
    this.#putNoMore();
    this.#stored = stored;
    await this.#storage.put(MAPPING_KEY, stored);
    if (await this.#outbox.isEmpty()) await this.#storage.setAlarm(Date.now() + REMEMBER);
  }

  /** What was to be written is not so any more. */
  #putNoMore(): void {
    clearTimeout(this.#putting);
    this.#putting = undefined;
  }

  async #empty(): Promise<void> {
    this.#putNoMore();
    this.#stored = undefined;
    await empty(this.#storage);
  }
}
