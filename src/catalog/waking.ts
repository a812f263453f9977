// Waking of webhooks: calls their objects when something has happened, in the background. A report neither waits for it nor fails with it;
// a wake that is lost is made up for by the next one, or by the cron.

import { readWebhooks } from "../config/webhooks.ts";
import { within } from "../platform/deadline.ts";
import { remote } from "../platform/rpc.ts";
import { reasonOf } from "../text/plain.ts";
import type { Woken, WokenBindings } from "./contract.ts";

/** Minimum time between two wakes of a webhook, in ms. */
const INTERVAL = 1_000;
/** Time after which a wake counts as lost, in ms. */
const TIMEOUT = 10_000;

export class Waking {
  readonly #env: WokenBindings;
  /** Webhooks by name, and the value of WEBHOOKS that names them. */
  #hooks: readonly string[] = [];
  #given: unknown;
  /** Webhook → id of the last event that it need not be woken for. */
  #waiting = new Map<string, number>();
  #missed = new Map<string, number>();
  #isPaused = false;

  constructor(env: WokenBindings) {
    this.#env = env;
  }

  /** @param before id of the last event before the new ones */
  wake(before: number): void {
    if (!this.#env.WEBHOOKS) return;
    for (const hook of this.#names())
      this.#waiting.set(hook, Math.min(this.#waiting.get(hook) ?? before, before));
    if (!this.#isPaused) this.#wakeAll();
  }

  /** Of an invalid configuration there are none, and the entry reports it. */
  #names(): readonly string[] {
    const { WEBHOOKS } = this.#env;
    if (WEBHOOKS !== this.#given)
      this.#hooks = readWebhooks({ ...this.#env }, []).map(({ name }) => name);
    this.#given = WEBHOOKS;
    return this.#hooks;
  }

  #wakeAll(): void {
    const namespace = this.#env.WEBHOOK_QUEUE;
    const [waiting, missed] = [this.#waiting, this.#missed];
    this.#waiting = new Map();
    if (!namespace || waiting.size === 0) return;
    this.#missed = new Map();
    this.#isPaused = true;
    setTimeout(() => {
      this.#isPaused = false;
      this.#wakeAll();
    }, INTERVAL);
    for (const [hook, before] of waiting)
      void this.#wakeOne(namespace, hook, Math.min(before, missed.get(hook) ?? before));
  }

  async #wakeOne(namespace: DurableObjectNamespace, hook: string, before: number): Promise<void> {
    try {
      await within(remote<Woken>(namespace, hook).wake(hook, before), TIMEOUT);
    } catch (error) {
      this.#missed.set(hook, Math.min(this.#missed.get(hook) ?? before, before));
      console.warn(`entrepot: the webhook ${hook} could not be woken: ${reasonOf(error)}`);
    }
  }
}
