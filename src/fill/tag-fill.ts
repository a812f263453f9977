// TagFill: the Durable Object, one per tag, that asks the upstream once what the tag means, for all who ask. It only maps:
// content comes from the fill of its digest, so that two tags of one manifest are one GET.

import { DurableObject } from "cloudflare:workers";
import type { Rule } from "../config/rule.ts";
import type { Env } from "../env.ts";
import type { Digest } from "../oci/digest.ts";
import {
  asRegistryError,
  type ErrorValue,
  type Outcome,
  RegistryError,
  settle,
} from "../oci/error.ts";
import { freshnessOf, isImmutable, mayServeStale, type TagMapping } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import { MAPPING_KEY } from "../store/keys.ts";
import { ManifestStore } from "../store/manifests.ts";
import { TagStore } from "../store/tags.ts";
import { UpstreamClient } from "../upstream/client.ts";
import { openGate } from "../upstream/gate.ts";
import { offline, unasked } from "../upstream/offline.ts";
import { type Asking, patiently } from "./asking.ts";
import type { How } from "./how.ts";
import { Memory, worth } from "./memory.ts";
import { TagCheck } from "./tag-check.ts";

export interface CheckedTag {
  mapping: TagMapping;
  how: How;
  /** Why the mapping is not fresh: it is served instead of this error. */
  failure?: ErrorValue;
}

/** What the object stores: that there is none is as good to know. */
type Stored = { mapping: TagMapping } | { gone: true };

/** For how long the object remembers what it has written into KV, in ms: KV shows a write after 60 s or more. */
const REMEMBER = 5 * 60_000;

interface Checking {
  /** Under which it is done: another rule of the upstream may have more patience. */
  rule: Rule;
  background: boolean;
  promise: Promise<TagMapping>;
}

export class TagFill extends DurableObject<Env> {
  readonly #tags = new TagStore(this.env.META, this.env.BLOBS);
  readonly #check = new TagCheck(
    new UpstreamClient(openGate(this.env.UPSTREAM_GATE)),
    new ManifestStore(this.env.META, this.env.BLOBS),
    this.env,
  );
  readonly #memory = new Memory();
  #stored: Stored | undefined;
  #checking: Checking | undefined;
  #getting: Promise<TagMapping> | undefined;

  /** The tag's mapping: not older than the rule's `tagTtl`, or with the failure that it is served for. Throws what the
   * upstream answers where there is nothing to serve. */
  async check(source: Source, tag: string, asking: Asking): Promise<Outcome<CheckedTag>> {
    return settle(async () => {
      const known = await this.#known(source, tag);
      const now = Date.now();
      const force = asking.force && !isImmutable(source, tag);
      if (known && !force && freshnessOf(known, source, tag, now) === "fresh") {
        return { mapping: known, how: "found" as const };
      }
      try {
        if (source.rule.offline) throw offline(source.rule, "MANIFEST_UNKNOWN");
        // Whoever wants to know now may find what has been pushed since; refusals and failures are as they were.
        this.#memory.throwRecalled(source, now, force);
        return await patiently(this.#share(source, tag, known, asking), source, asking);
      } catch (error) {
        return this.#instead(source, tag, known, asRegistryError(error), asking);
      }
    });
  }

  /** The same by GET alone: for an upstream whose HEAD names a digest that it does not have.
   * @param wrong that digest */
  async checkByGet(
    source: Source,
    tag: string,
    wrong: Digest,
    asking: Asking,
  ): Promise<Outcome<CheckedTag>> {
    return settle(async () => {
      const known = this.#getting ? undefined : await this.#known(source, tag);
      if (known && known.digest !== wrong) return { mapping: known, how: "joined" as const }; // a moment ago
      const how = this.#getting ? ("joined" as const) : ("started" as const);
      this.#getting ??= this.#byGet(source, tag).finally(() => {
        this.#getting = undefined;
      });
      return { mapping: await patiently(this.#getting, source, asking), how };
    });
  }

  async #byGet(source: Source, tag: string): Promise<TagMapping> {
    const known = await this.#known(source, tag);
    return this.#remember(source, tag, known, await this.#check.byGet(source, tag, "client"));
  }

  /** What was known is served instead of a failure, for as long as the rule allows. */
  async #instead(
    source: Source,
    tag: string,
    known: TagMapping | undefined,
    error: RegistryError,
    asking: Asking,
  ): Promise<CheckedTag> {
    const { rule } = source;
    const mapping = known ?? (await this.#recorded(source, tag));
    const now = Date.now();
    const serves =
      rule.offline || (mapping && mayServeStale(mapping.checkedAt, rule.tagTtl, rule, error, now));
    if (!mapping || !serves) throw error;
    if (rule.offline) return { mapping, how: "found", failure: unasked(rule) };
    // What is refused to nobody in particular is not refused to somebody.
    if (!asking.background) this.#memory.pause(source, error, now);
    return { mapping, how: "found", failure: error.toValue() };
  }

  async #share(
    source: Source,
    tag: string,
    known: TagMapping | undefined,
    asking: Asking,
  ): Promise<CheckedTag> {
    const background = asking.background ?? false;
    const running = this.#checking;
    if (running) {
      try {
        return { mapping: await running.promise, how: "joined" };
      } catch (error) {
        // What is not done for nobody's sake may be done for somebody's, and what took too long for one's.
        const isShort = running.rule.firstByteTimeout < source.rule.firstByteTimeout;
        if (!isShort && (!running.background || background)) throw error;
        return this.#share(source, tag, known, asking);
      }
    }
    const promise = this.#ask(source, tag, known, background).finally(() => {
      this.#checking = undefined;
    });
    this.#checking = { rule: source.rule, background, promise };
    return { mapping: await promise, how: "started" };
  }

  async #ask(
    source: Source,
    tag: string,
    known: TagMapping | undefined,
    background: boolean,
  ): Promise<TagMapping> {
    try {
      const found = await this.#check.ask(source, tag, known, background ? "background" : "client");
      this.#memory.forget(source);
      return await this.#remember(source, tag, known, found);
    } catch (error) {
      const now = Date.now();
      this.#memory.keep(source, { error }, worth(error, source, false), now);
      const isGone = error instanceof RegistryError && error.status === 404;
      if (!isGone || !known) throw error;
      if (source.rule.keepDeleted) {
        this.#memory.forget(source);
        return this.#remember(source, tag, known, { ...known, deleted: true, checkedAt: now });
      }
      await this.#forget(source, tag, now);
      throw error;
    }
  }

  /** What the object knows itself, since KV shows late what was written; else what KV does. */
  async #known(source: Source, tag: string): Promise<TagMapping | undefined> {
    const near = this.#stored ? undefined : await this.#near(source, tag);
    // Somebody may have found out while KV was read.
    const stored = this.#stored && "mapping" in this.#stored ? this.#stored.mapping : undefined;
    const mapping = this.#stored ? stored : near;
    // Another rule of this upstream keeps what is deleted.
    return mapping?.deleted && !source.rule.keepDeleted ? undefined : mapping;
  }

  async #near(source: Source, tag: string): Promise<TagMapping | undefined> {
    const stored = await this.ctx.storage.get<Stored>(MAPPING_KEY);
    this.#stored ??= stored;
    return stored ? undefined : this.#tags.get(source, tag);
  }

  /** From the record, which is written when the tag moves: the mapping is that old, or younger. */
  async #recorded(source: Source, tag: string): Promise<TagMapping | undefined> {
    if (this.#stored) return undefined; // that it is gone
    const record = await this.#tags.recorded(source, tag);
    if (!record || record.gone) return undefined;
    return { digest: record.digest, checkedAt: record.recordedAt, recorded: true };
  }

  async #remember(
    source: Source,
    tag: string,
    known: TagMapping | undefined,
    found: TagMapping,
  ): Promise<TagMapping> {
    const isNew = !known?.recorded || known.digest !== found.digest;
    const mapping = { ...found, recorded: true };
    await this.#store({ mapping });
    try {
      if (isNew) await this.#tags.record(source, tag, found.digest, found.checkedAt);
      await this.#tags.put(source, tag, mapping);
    } catch (error) {
      // What is lost is the near copy, and the record until the tag is checked again; whoever misses it comes here.
      console.error(`entrepot: a tag's mapping was not stored: ${(error as Error).message}`);
      return found;
    }
    return mapping;
  }

  async #forget(source: Source, tag: string, now: number): Promise<void> {
    await this.#store({ gone: true });
    try {
      await this.#tags.forget(source, tag);
      await this.#tags.recordGone(source, tag, now);
    } catch (error) {
      // It is stale where it still shows, and whoever finds it so comes here.
      console.error(`entrepot: a tag was not forgotten: ${(error as Error).message}`);
    }
  }

  async #store(stored: Stored): Promise<void> {
    this.#stored = stored;
    await this.ctx.storage.put(MAPPING_KEY, stored);
    await this.ctx.storage.setAlarm(Date.now() + REMEMBER);
  }

  override async alarm(): Promise<void> {
    this.#stored = undefined;
    await this.ctx.storage.deleteAll();
  }
}
