// Webhooks in a test: their configuration, which the objects read from the test run's own variables, their alarms, and their receivers.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { openCatalog } from "../../src/catalog/open.ts";
import { readConfig } from "../../src/config/read.ts";
import type { Env } from "../../src/env.ts";
import type { Happening } from "../../src/meter/meter.ts";
import { sourceKey } from "../../src/policy/source.ts";
import type { Deliveries } from "../../src/webhooks/contract.ts";
import { openWebhooks } from "../../src/webhooks/open.ts";
import { fixture, repository } from "./cache.ts";

const bindings = env as unknown as Env & Record<string, unknown>;
const own = ["WEBHOOKS", "HOOK_KEY"] as const;

/** Signs in the tests; must be in no log and no answer (support/secrets.ts). */
export const HOOK_KEY = "whsec_YS1zaWduaW5nLWtleS1vZi10aGUtdGVzdHM=";

export interface Hook {
  name: string;
  url: string;
  secret: string;
  events?: string[];
  repositories?: string[];
}

/** A webhook that no other test has, with its receiver in the fixture. */
export function newHook(fields: Partial<Hook> = {}): Hook {
  const name = repository("hook");
  return { name, url: fixture.receiver(name), secret: "HOOK_KEY", ...fields };
}

/** Configures these webhooks, and no others, for objects and new caches. */
export function configure(...hooks: Hook[]): void {
  Object.assign(bindings, { WEBHOOKS: hooks, HOOK_KEY });
}

/** Removes all: other files share the runtime. */
export function unconfigure(): void {
  for (const name of own) delete bindings[name];
}

const stubOf = ({ name }: Hook) => {
  const namespace = bindings.WEBHOOK_QUEUE as DurableObjectNamespace<never>;
  return namespace.get(namespace.idFromName(name));
};

export const queueOf = ({ name }: Hook): Deliveries =>
  (openWebhooks(bindings) as (hook: string) => Deliveries)(name);

/** Runs the alarm. @returns whether one was set */
export const alarm = (hook: Hook): Promise<boolean> => runDurableObjectAlarm(stubOf(hook));

/** When the alarm is set to, in ms since the epoch. */
export const alarmAt = (hook: Hook): Promise<number | null> =>
  runInDurableObject(stubOf(hook), (_, { storage }) => storage.getAlarm());

/** Runs the hook's database queries. */
export const inStorage = <T>(hook: Hook, work: (storage: DurableObjectStorage) => T): Promise<T> =>
  runInDurableObject(stubOf(hook), (_, { storage }) => work(storage));

/** The place of a repository under the rule `open`. */
export function placeOf(name: string): string {
  const { rules } = readConfig({ ...bindings });
  const rule = rules.find((one) => one.rule.prefixes.includes("open"))?.rule;
  if (!rule) throw new Error("there is no rule open");
  return sourceKey({ rule, repository: name });
}

/** Tells the catalog of events, which wakes the webhooks. */
export async function happen(...happenings: Omit<Happening, "at">[]): Promise<void> {
  const at = Date.now();
  await openCatalog(bindings).report({
    images: [],
    blobs: [],
    counts: [],
    happenings: happenings.map((one) => ({ at, ...one })),
  });
}

export interface CloudEvent {
  specversion: string;
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  datacontenttype: string;
  data: Record<string, string>;
}

/** The events that the receiver got, attempts that failed included. */
export async function eventsOf({ name }: Hook): Promise<CloudEvent[]> {
  return (await fixture.received(name)).map(({ body }) => JSON.parse(body));
}

/** The binding where the webhook's object fails, and those of others work. @param calls that its object answers */
export function withoutObject({ name }: Hook, calls: object = {}): DurableObjectNamespace {
  const namespace = bindings.WEBHOOK_QUEUE as DurableObjectNamespace;
  const failing = namespace.idFromName(name);
  const get = (id: DurableObjectId) =>
    id.equals(failing)
      ? { state: () => Promise.reject(new Error("out of order")), ...calls }
      : namespace.get(id);
  return { idFromName: (one: string) => namespace.idFromName(one), get } as never;
}
