// WebhookObject: the Durable Object of one webhook, which takes events from the catalog and sends them to the receiver: at least once, and in
// order for each subject. Its alarm works in stretches and sets the next alarm first, so that a reset costs at most one stretch.

import { DurableObject } from "cloudflare:workers";
import type { AccessBindings } from "../access/contract.ts";
import { openAccess } from "../access/open.ts";
import type { CatalogBindings } from "../catalog/contract.ts";
import { openCatalog } from "../catalog/open.ts";
import { type Config, readConfig } from "../config/read.ts";
import { signingKey, type Webhook } from "../config/webhooks.ts";
import { type Calls, settle } from "../platform/rpc.ts";
import { Sqlite } from "../platform/sqlite.ts";
import { withAdded } from "../policy/added.ts";
import { reasonOf } from "../text/plain.ts";
import type { Deliveries, WebhookBindings } from "./contract.ts";
import { isWanted, messageOf, testMessage } from "./event.ts";
import { Memory } from "./memory.ts";
import { Queue } from "./queue.ts";
import { STEPS } from "./schema.ts";
import { send } from "./send.ts";

/** Length of a stretch in ms, and the time in ms after which an interrupted one is resumed. */
const STRETCH_DURATION = 30_000;
const RESUME_AFTER = 60_000;
/** Number of concurrent requests to the receiver, below the platform's limit of six connections. */
const LANES = 4;
/** Number of events that are read at once. */
const PAGE = 500;

type Bindings = CatalogBindings & AccessBindings & WebhookBindings;

/** A stretch that is under way. */
interface Stretch {
  config: Config;
  hook: Webhook;
  /** Undefined while its secret cannot be used: events are queued, and nothing is sent. */
  key: Uint8Array | undefined;
  /** End, in ms since the epoch. */
  until: number;
  lanes: Set<Promise<void>>;
}

export class WebhookObject extends DurableObject<Bindings> implements Calls<Deliveries> {
  readonly #memory = new Memory(new Sqlite(this.ctx.storage.sql));
  readonly #queue = new Queue(new Sqlite(this.ctx.storage.sql), this.#memory);
  #stretch: Stretch | undefined;

  constructor(context: DurableObjectState, env: Bindings) {
    super(context, env);
    const database = new Sqlite(context.storage.sql);
    context.storage.transactionSync(() => database.migrate(STEPS));
  }

  wake(...[hook, before]: Parameters<Deliveries["wake"]>) {
    return settle(() => this.#woken(hook, before, Date.now()));
  }

  look(...[hook, now]: Parameters<Deliveries["look"]>) {
    return settle(() => this.#woken(hook, undefined, now));
  }

  state(...[name]: Parameters<Deliveries["state"]>) {
    return settle(async () => {
      const { webhooks } = readConfig({ ...this.env });
      const hook = webhooks.find((one) => one.name === name);
      const goneAt = hook && this.#memory.goneAt(hook);
      return { ...this.#queue.state(), ...(goneAt !== undefined && { goneAt }) };
    });
  }

  sendTest(...[name]: Parameters<Deliveries["sendTest"]>) {
    return settle(async () => {
      const now = Date.now();
      const hook = readConfig({ ...this.env }).webhooks.find((one) => one.name === name);
      const key = hook && this.#keyOf(hook);
      if (!hook || !key) return { at: now, took: 0, error: hook?.problem ?? "is not configured" };
      const { retryAfter: _, ...attempt } = await send(
        hook,
        key,
        testMessage(name, this.#source, now),
      );
      if (attempt.error === undefined) {
        this.#do(() => this.#queue.retry(Date.now()));
        await this.#alarmAt(Date.now());
      }
      return attempt;
    });
  }

  dead(...args: Parameters<Deliveries["dead"]>) {
    return settle(async () => this.#queue.letters(...args));
  }

  redeliver(...[id, now]: Parameters<Deliveries["redeliver"]>) {
    return settle(async () => {
      const count = this.#do(() => this.#queue.redeliver(id, now));
      if (count > 0) await this.#alarmAt(now);
      return count;
    });
  }

  drop(...[id]: Parameters<Deliveries["drop"]>) {
    return settle(async () => this.#do(() => this.#queue.drop(id)));
  }

  override async alarm(): Promise<void> {
    // Set first, so that the object wakes again if it dies during the stretch.
    await this.ctx.storage.setAlarm(Date.now() + RESUME_AFTER);
    let next: number | undefined;
    try {
      next = await this.#work();
    } catch (error) {
      console.error(`entrepot: the webhook ${this.#memory.name} failed: ${reasonOf(error)}`);
      next = Date.now() + RESUME_AFTER;
    }
    this.#stretch = undefined;
    // Not awaited before, so that a wake that comes now sets its alarm after this one.
    if (next === undefined) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(Math.max(Date.now(), next));
  }

  /** @returns when to go on, in ms since the epoch; undefined if the next wake is waited for */
  async #work(): Promise<number | undefined> {
    const variables = { ...this.env };
    const configured = readConfig(variables);
    const hook = configured.webhooks.find(({ name }) => name === this.#memory.name);
    if (!hook) {
      this.#do(() => this.#memory.clear());
      return undefined;
    }
    if (this.#memory.goneAt(hook) !== undefined) return undefined;
    this.#do(() => this.#memory.set("gone", undefined));
    const { rules } = await openAccess(this.env).page();
    const config = withAdded(configured, rules.rules, variables);
    const until = Date.now() + STRETCH_DURATION;
    const stretch: Stretch = { config, hook, key: this.#keyOf(hook), until, lanes: new Set() };
    this.#stretch = stretch;
    this.#openLanes(stretch);
    const isCollected = await this.#collect(stretch);
    while (stretch.lanes.size > 0) await Promise.all(stretch.lanes);
    this.#stretch = undefined;
    if (!stretch.key || this.#memory.goneAt(hook) !== undefined) return undefined;
    const next = this.#queue.nextAt();
    return isCollected
      ? next
      : Math.min(next ?? Number.POSITIVE_INFINITY, Date.now() + RESUME_AFTER);
  }

  /** Queues the catalog's new events and has them sent.
   * @returns false if the catalog could not be asked */
  async #collect(stretch: Stretch): Promise<boolean> {
    const { config, hook } = stretch;
    const catalog = openCatalog(this.env);
    try {
      for (;;) {
        const { cursor } = this.#memory;
        const page = await catalog.happened(cursor, cursor === undefined ? 1 : PAGE);
        const wanted = page.filter((one) => isWanted(hook, one, config));
        const messages = wanted.map((one) => messageOf(one, config, this.#source));
        this.#do(() => {
          // A wake may have read the same page meanwhile.
          if (this.#memory.cursor !== cursor) return;
          if (cursor !== undefined) this.#queue.add(messages, Date.now());
          this.#memory.cursor = page.at(-1)?.id ?? cursor ?? 0;
        });
        this.#openLanes(stretch);
        if (page.length < PAGE && cursor !== undefined) return true;
      }
    } catch (error) {
      console.warn(`entrepot: the webhook ${hook.name} cannot read events: ${reasonOf(error)}`);
      return false;
    }
  }

  #openLanes(stretch: Stretch): void {
    const { key, until, lanes } = stretch;
    const now = Date.now();
    if (!key || now >= until) return;
    const due = this.#queue.nextAt();
    if (due === undefined || due > now) return;
    while (lanes.size < LANES) {
      const lane = this.#lane(stretch, key).finally(() => lanes.delete(lane));
      lanes.add(lane);
    }
  }

  /** Sends one delivery after the other while time is left. */
  async #lane({ hook, until }: Stretch, key: Uint8Array): Promise<void> {
    while (Date.now() < until && this.#memory.goneAt(hook) === undefined) {
      const due = this.#do(() => this.#queue.take(Date.now()));
      if (!due) return;
      const sent = await send(hook, key, due);
      this.#do(() => {
        this.#queue.ended(due, sent, Math.random());
        if (sent.status === 410) this.#memory.gone(hook, Date.now());
      });
    }
  }

  async #woken(hook: string, before: number | undefined, now: number): Promise<void> {
    this.#do(() => this.#memory.woken(hook, before, now));
    const stretch = this.#stretch;
    if (stretch && (await this.#collect(stretch)) && this.#stretch === stretch) return;
    await this.#alarmAt(now);
  }

  #keyOf({ secret }: Webhook): Uint8Array | undefined {
    const read = signingKey({ ...this.env }, secret);
    return "key" in read ? read.key : undefined;
  }

  /** A URI that each deployment has of its own: its address is not known here. */
  get #source(): string {
    const { CATALOG } = this.env;
    return `urn:entrepot:${CATALOG.idFromName("catalog").toString().slice(0, 16)}`;
  }

  /** Sets the alarm, unless an earlier one is set. */
  async #alarmAt(time: number): Promise<void> {
    const at = await this.ctx.storage.getAlarm();
    if (at === null || at > time) await this.ctx.storage.setAlarm(time);
  }

  #do<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}
