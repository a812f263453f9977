// TagFill: the Durable Object, one per tag, that asks the upstream once for the tag's digest, for all clients. It only
// maps: content comes from the fill of the digest, so that two tags of one manifest cause one GET.

import { DurableObject } from "cloudflare:workers";
import type { Rule } from "../../config/rule.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RegistryError } from "../../oci/error.ts";
import { asRegistryError, type Calls, type Outcome, settle } from "../../platform/rpc.ts";
import { freshnessOf, isImmutable, mayServeStale, type TagMapping } from "../../policy/fresh.ts";
import type { Release } from "../../policy/sightings.ts";
import type { Source } from "../../policy/source.ts";
import { UpstreamClient } from "../../upstream/client/client.ts";
import { offline, unasked } from "../../upstream/client/offline.ts";
import { isUnknown } from "../../upstream/client/refusal.ts";
import { openGate } from "../../upstream/open.ts";
import type { Asking, CheckedTag, FillBindings, Removed, TagFillMethods } from "../contract.ts";
import { isPersonal, patiently } from "../shared/asking.ts";
import { NegativeCache, ttlOf } from "../shared/negative-cache.ts";
import { Outbox } from "../shared/outbox.ts";
import { Removing } from "../shared/removing.ts";
import { tallyOf } from "../shared/tally.ts";
import { KnownTag, type NamedTag } from "./known-tag.ts";
import { TagAge } from "./tag-age.ts";
import { TagCheck } from "./tag-check.ts";

/** A request to check a tag. */
interface CheckRequest extends NamedTag {
  readonly asking: Asking;
}

interface Checking {
  /** Rule that the check runs under: another rule of the same upstream may allow more time. */
  rule: Rule;
  background: boolean;
  promise: Promise<TagMapping>;
}

/** Minimum interval in ms between checks of a tag because its content is missing upstream. */
const RECHECK_INTERVAL = 10_000;

export class TagFill extends DurableObject<FillBindings> implements Calls<TagFillMethods> {
  readonly #outbox = new Outbox(this.ctx.storage, this.env);
  readonly #known = new KnownTag(this.ctx.storage, this.#outbox, this.env);
  readonly #removing = new Removing();
  readonly #client = new UpstreamClient(openGate(this.env), tallyOf(this.env));
  readonly #check = new TagCheck(this.#client, this.#outbox, this.env);
  readonly #age = new TagAge(this.#known, this.#client, this.env);
  readonly #refusals = new NegativeCache();
  /** Digest last checked again because its content was missing upstream, and when. */
  #rechecked: { digest: Digest; at: number } | undefined;
  #active = 0;
  #checking: Checking | undefined;
  #getting: Promise<TagMapping> | undefined;

  /** Mapping of the tag, no older than the rule's `tagTtl`, or stale with the failure that it is served for. Throws the
   * upstream's error where there is nothing to serve. */
  async check(source: Source, tag: string, asking: Asking): Promise<Outcome<CheckedTag>> {
    return settle(() => this.#afterRemoval(() => this.#checked({ source, tag, asking })));
  }

  async #checked(request: CheckRequest): Promise<CheckedTag> {
    const known = await this.#known.get(request);
    return this.#age.judged(request, await this.#confirmed(request, known), known);
  }

  async #confirmed(request: CheckRequest, known: TagMapping | undefined): Promise<CheckedTag> {
    const { source, tag, asking } = request;
    const now = Date.now();
    const isGone = known !== undefined && this.#isRecheckDue(known.digest, asking, now);
    const force = (asking.force || isGone) && !isImmutable(source, tag);
    if (known && !force && freshnessOf(known, source, tag, now) === "fresh") {
      return { mapping: known, how: "found" as const };
    }
    try {
      if (source.rule.offline) throw offline(source.rule, "MANIFEST_UNKNOWN");
      // A forced check ignores a remembered 404, as the tag may have been pushed since; refusals and failures still
      // count.
      this.#refusals.throwRecalled(source, now, force);
      const checked = await patiently(this.#share(request, known), request);
      if (isGone) this.#rechecked = { digest: known.digest, at: now };
      return checked;
    } catch (error) {
      return this.#staleInstead(request, known, asRegistryError(error));
    }
  }

  /** Limited in rate: a client can request missing contents of an index as often as it likes. */
  #isRecheckDue(digest: Digest, { gone }: Asking, now: number): boolean {
    const { digest: last, at } = this.#rechecked ?? { digest: undefined, at: 0 };
    return gone === digest && (last !== digest || now - at >= RECHECK_INTERVAL);
  }

  /** Checks by GET alone, for an upstream whose HEAD names a digest that it does not have.
   * @param wrong that digest */
  async checkByGet(
    source: Source,
    tag: string,
    wrong: Digest,
    asking: Asking,
  ): Promise<Outcome<CheckedTag>> {
    return settle(() =>
      this.#afterRemoval(async () => {
        const request = { source, tag, asking };
        const known = this.#getting ? undefined : await this.#known.get(request);
        if (known && known.digest !== wrong) return { mapping: known, how: "joined" as const }; // another request has just resolved it
        const checked = await patiently(this.#shareGet(request, wrong), request);
        return this.#age.judged(request, checked, known);
      }),
    );
  }

  async #shareGet(named: NamedTag, wrong: Digest): Promise<CheckedTag> {
    const running = this.#getting;
    if (running) {
      try {
        return { mapping: await running, how: "joined" };
      } catch (error) {
        if (!isPersonal(error)) throw error;
        return this.#shareGet(named, wrong);
      }
    }
    this.#getting = this.#byGet(named, wrong).finally(() => {
      this.#getting = undefined;
    });
    return { mapping: await this.#getting, how: "started" };
  }

  async #byGet(named: NamedTag, wrong: Digest): Promise<TagMapping> {
    const found = await this.#check.byGet(named.source, named.tag, "client");
    if (!(await this.#check.isCached(wrong))) await this.#known.retract(named, wrong);
    return this.#known.remember(named, await this.#known.get(named), found);
  }

  /** Serves the known mapping instead of a failure, for as long as the rule allows. */
  async #staleInstead(
    request: CheckRequest,
    known: TagMapping | undefined,
    error: RegistryError,
  ): Promise<CheckedTag> {
    const { source, asking } = request;
    const { rule } = source;
    const mapping = known ?? (await this.#known.recorded(request));
    const now = Date.now();
    const serves =
      rule.offline || (mapping && mayServeStale(mapping.checkedAt + rule.tagTtl, rule, error, now));
    if (!mapping || !serves) throw error;
    if (rule.offline) return { mapping, how: "found", failure: unasked(rule) };
    // Only a failed check for a client starts a pause; a background check, or one client's used-up quota, does not.
    if (!asking.background && !error.personal) this.#refusals.pause(source, error, now);
    return { mapping, how: "found", failure: error.toValue() };
  }

  async #share(request: CheckRequest, known: TagMapping | undefined): Promise<CheckedTag> {
    const { source, asking } = request;
    const background = asking.background ?? false;
    const running = this.#checking;
    if (running) {
      try {
        return { mapping: await running.promise, how: "joined" };
      } catch (error) {
        // Check again: a background check may fail where a client's would succeed, and this rule may allow more time.
        const isShort = running.rule.firstByteTimeout < source.rule.firstByteTimeout;
        const isOwn = !isShort && (!running.background || background);
        if (isOwn && !isPersonal(error)) throw error;
        return this.#share(request, known);
      }
    }
    const promise = this.#ask(request, known).finally(() => {
      this.#checking = undefined;
    });
    this.#checking = { rule: source.rule, background, promise };
    return { mapping: await promise, how: "started" };
  }

  async #ask(request: CheckRequest, known: TagMapping | undefined): Promise<TagMapping> {
    const { source, tag, asking } = request;
    const { background, content = false } = asking;
    try {
      const found = await this.#check.ask(source, tag, known, background ? "background" : "client");
      this.#refusals.forget(source);
      return await this.#known.remember(request, known, found, content);
    } catch (error) {
      const now = Date.now();
      this.#refusals.keep(source, { error }, ttlOf(error, source, false), now);
      const isGone = isUnknown(error);
      if (!isGone || !known) throw error;
      // A tag whose manifest was never cached cannot be kept.
      if (source.rule.keepDeleted && (await this.#check.isCached(known.digest))) {
        this.#refusals.forget(source);
        return this.#known.remember(request, known, { ...known, deleted: true, checkedAt: now });
      }
      await this.#known.forget(request, known, now);
      throw error;
    }
  }

  /** Records that the repository is linked to the tag's digest: hits by the tag then skip the link lookup. */
  async proved(source: Source, tag: string, digest: Digest): Promise<Outcome<void>> {
    return settle(() => this.#afterRemoval(() => this.#known.proved({ source, tag }, digest)));
  }

  /** Deletes the tag's mapping unless it is being checked or points elsewhere by now.
   * @param place given instead of a source, as the rule may be gone */
  async remove(
    place: string,
    tag: string,
    digest: Digest,
  ): Promise<Outcome<Removed["outcome"] | "moved">> {
    return settle(async () => {
      const isBusy = async () => !(await this.#outbox.isEmpty()) || this.#isActive;
      const remove = () => this.#known.remove(place, tag, digest);
      const { outcome, found } = await this.#removing.unless(isBusy, remove);
      return outcome === "gone" && !found ? "moved" : outcome;
    });
  }

  get #isActive(): boolean {
    return this.#active > 0 || this.#checking !== undefined || this.#getting !== undefined;
  }

  /** Stores and reports the mapping again: it was served while it was being deleted. */
  async restore(place: string, tag: string, mapping: TagMapping): Promise<Outcome<void>> {
    return settle(() => this.#afterRemoval(() => this.#known.restore(place, tag, mapping)));
  }

  async release(
    source: Source,
    tag: string,
    digest: Digest,
    release: Release,
  ): Promise<Outcome<boolean>> {
    const work = () => this.#age.release({ source, tag }, digest, release);
    return settle(() => this.#afterRemoval(work));
  }

  /** Runs `work` after a running removal; no removal begins meanwhile. */
  async #afterRemoval<T>(work: () => Promise<T>): Promise<T> {
    await this.#removing.over();
    this.#active += 1;
    try {
      return await work();
    } finally {
      this.#active -= 1;
    }
  }

  override async alarm(): Promise<void> {
    await this.#known.tidy();
  }
}
