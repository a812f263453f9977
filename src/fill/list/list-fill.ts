// ListFill: the Durable Object, one per page of a list (tags, referrers), that asks the upstream once for all clients.

import { DurableObject } from "cloudflare:workers";
import type { Digest } from "../../oci/digest.ts";
import { asRegistryError, type Calls, type Outcome, settle } from "../../platform/rpc.ts";
import { mayServeStale } from "../../policy/fresh.ts";
import type { Source } from "../../policy/source.ts";
import { type ListAsked, type ListPage, ListStore } from "../../store/lists.ts";
import { UpstreamClient } from "../../upstream/client/client.ts";
import { offline, unasked } from "../../upstream/client/offline.ts";
import { isUnknown } from "../../upstream/client/refusal.ts";
import { openGate } from "../../upstream/open.ts";
import type { Asking, FetchedList, FillBindings, ListFillMethods } from "../contract.ts";
import { isPersonal, patiently } from "../shared/asking.ts";
import { NegativeCache, ttlOf } from "../shared/negative-cache.ts";
import { tallyOf } from "../shared/tally.ts";
import { ReferrersReader } from "./referrers.ts";
import { TagsReader } from "./tags.ts";

/** Maximum entries of a page kept in memory, which an isolate's objects share; larger pages are read from KV again. */
const MAX_IN_MEMORY = 10_000;

export class ListFill extends DurableObject<FillBindings> implements Calls<ListFillMethods> {
  readonly #lists = new ListStore(this.env.META);
  readonly #upstream = new UpstreamClient(openGate(this.env), tallyOf(this.env));
  readonly #tags = new TagsReader(this.#upstream);
  readonly #referrers = new ReferrersReader(this.#upstream);
  readonly #refusals = new NegativeCache();
  /** Latest page, which KV may not show yet. */
  #page: ListPage | undefined;
  #fetching: Promise<ListPage> | undefined;

  /** A page no older than the rule's `listTtl`, or a stale one with the failure that it is served for. */
  async get(source: Source, list: ListAsked, asking: Asking): Promise<Outcome<FetchedList>> {
    return settle(async () => {
      const { rule } = source;
      const near = this.#page ? undefined : await this.#lists.get(source, list);
      // Another request may have set it while KV was read.
      const known = this.#page ?? near;
      if (known && !asking.force && Date.now() - known.checkedAt < rule.listTtl) {
        return { page: known, how: "found" as const };
      }
      try {
        if (rule.offline) throw offline(rule, "NAME_UNKNOWN");
        this.#refusals.throwRecalled(source, Date.now(), asking.force);
        return await patiently(this.#share(source, list), { source, asking });
      } catch (error) {
        const failure = asRegistryError(error);
        const now = Date.now();
        const serves =
          known &&
          (rule.offline || mayServeStale(known.checkedAt + rule.listTtl, rule, failure, now));
        if (!serves) throw failure;
        if (!rule.offline && !failure.personal) this.#refusals.pause(source, failure, now);
        const reason = rule.offline ? unasked(rule) : failure.toValue();
        return { page: known, how: "found" as const, failure: reason };
      }
    });
  }

  async #share(source: Source, list: ListAsked): Promise<FetchedList> {
    const running = this.#fetching;
    if (running) {
      try {
        return { page: await running, how: "joined" };
      } catch (error) {
        if (!isPersonal(error)) throw error;
        return this.#share(source, list);
      }
    }
    this.#fetching = this.#fetch(source, list).finally(() => {
      this.#fetching = undefined;
    });
    return { page: await this.#fetching, how: "started" };
  }

  async #fetch(source: Source, list: ListAsked): Promise<ListPage> {
    try {
      const page = { ...(await this.#ask(source, list)), checkedAt: Date.now() };
      this.#page = page.entries.length <= MAX_IN_MEMORY ? page : undefined;
      await this.#store(() => this.#lists.put(source, list, page));
      return page;
    } catch (error) {
      this.#refusals.keep(source, { error }, ttlOf(error, source, false), Date.now());
      if (isUnknown(error)) {
        this.#page = undefined;
        await this.#store(() => this.#lists.forget(source, list));
      }
      throw error;
    }
  }

  async #store(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // Only the cached copy is lost: the next request asks the upstream again.
      console.error(`entrepot: storing a list in KV failed: ${(error as Error).message}`);
    }
  }

  async #ask(source: Source, { list, query }: ListAsked): Promise<Omit<ListPage, "checkedAt">> {
    const parameters = new URLSearchParams(query);
    if (list === "tags") return this.#tags.read(source, parameters);
    const digest = list.slice(list.indexOf("/") + 1) as Digest;
    return this.#referrers.read(source, digest, parameters);
  }
}
