// The queue of a webhook: order, bounds and what is counted, against a model; and a slow receiver.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { Sqlite } from "../../src/platform/sqlite.ts";
import { Memory } from "../../src/webhooks/memory.ts";
import { MAX_LETTERS, MAX_PENDING, Queue } from "../../src/webhooks/queue.ts";
import { send } from "../../src/webhooks/send.ts";
import { fixture, repository } from "../support/cache.ts";

const message = (event: string, subject: string) => ({ event, what: "x", subject, body: "{}" });
const good = (at: number) => ({ at, took: 1, status: 200 });
const bad = (at: number, status = 500) => ({ at, took: 1, status, error: `answered ${status}` });
const DAY = 24 * 60 * 60_000;

/** A queue of its own, in storage of its own. */
function inQueue(work: (queue: Queue, database: Sqlite) => void): Promise<void> {
  const namespace = (env as unknown as Env).WEBHOOK_QUEUE as DurableObjectNamespace<never>;
  const stub = namespace.get(namespace.idFromName(crypto.randomUUID()));
  return runInDurableObject(stub, (_, { storage: { sql } }) => {
    const database = new Sqlite(sql);
    work(new Queue(database, new Memory(database)), database);
  });
}

describe("order", () => {
  it("holds for each subject, whatever fails: no event overtakes one that is not ended", () =>
    inQueue((queue) => {
      let seed = 7;
      const random = () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      };
      const waiting = new Map<string, string[]>();
      let now = 0;
      let count = 0;
      for (let step = 0; step < 600; step++) {
        now += Math.floor(random() * 20_000);
        if (random() < 0.5) {
          count += 1;
          const [event, subject] = [`e${count}`, `s${Math.floor(random() * 5)}`];
          queue.add([message(event, subject)], now);
          waiting.set(subject, [...(waiting.get(subject) ?? []), event]);
        }
        const due = queue.take(now);
        if (!due) continue;
        const own = waiting.get(due.subject) as string[];
        expect(due.event).toBe(own[0]);
        if (random() < 0.3) {
          queue.ended(due, bad(now), random());
          continue;
        }
        queue.ended(due, good(now), random());
        own.shift();
      }
      const left = [...waiting.values()].flat().length;
      expect(queue.state()).toMatchObject({ pending: left, letters: 0, delivered: count - left });
    }));

  it("gives a delivery that is under way to no other lane, and again once its lease has ended", () =>
    inQueue((queue) => {
      queue.add([message("a", "s"), message("b", "s"), message("c", "t")], 0);
      expect([queue.take(0)?.event, queue.take(0)?.event, queue.take(0)]).toEqual([
        ...["a", "c", undefined],
      ]);
      expect(queue.take(20_000)).toBeUndefined();
      expect(queue.take(30_000)).toMatchObject({ event: "a", attempts: 2 });
    }));

  it("goes on behind a dead letter, which comes next when it is sent again", () =>
    inQueue((queue) => {
      queue.add([message("a", "s"), message("b", "s"), message("c", "s")], 0);
      const [first] = [queue.take(0)];
      queue.ended(first as never, bad(2 * DAY), 0);
      expect(queue.letters(undefined, 10)).toMatchObject([{ event: "a", attempts: 1 }]);
      const second = queue.take(2 * DAY + 10);
      expect(second?.event).toBe("b");
      expect(queue.redeliver(first?.id, 2 * DAY + 10)).toBe(1);
      expect(queue.take(2 * DAY + 10)).toBeUndefined();
      queue.ended(second as never, good(2 * DAY + 20), 0);
      expect(queue.take(2 * DAY + 30)).toMatchObject({ event: "a", attempts: 1 });
    }));
});

describe("bounds", () => {
  it("make dead letters of the oldest that wait, and delete the oldest dead letters; both are counted", () =>
    inQueue((queue) => {
      const excess = MAX_LETTERS + 5;
      const all = Array.from({ length: MAX_PENDING + excess }, (_, at) =>
        message(`e${at}`, `s${at % 7}`),
      );
      queue.add(all, 0);
      expect(queue.state()).toMatchObject({
        pending: MAX_PENDING,
        letters: MAX_LETTERS,
        dead: excess,
        lost: 5,
      });
      const [latest] = queue.letters(undefined, 1);
      expect(latest).toMatchObject({
        event: `e${excess - 1}`,
        error: `more than ${MAX_PENDING} deliveries were waiting`,
      });
      // The order of each subject goes on with the oldest that is left.
      const firsts = Array.from({ length: 8 }, () => queue.take(0)?.event);
      expect(firsts).toEqual([
        ...Array.from({ length: 7 }, (_, at) => `e${excess + at}`),
        undefined,
      ]);
    }));
});

it("a receiver that does not answer in time has failed, and its late answer counts for nothing", async () => {
  const name = repository("slow");
  await fixture.receive(name, { hold: name });
  const hook = { name, url: fixture.receiver(name) };
  const sent = await send(hook, new Uint8Array(32), { event: "e", body: "{}" }, 300);
  expect(sent).toMatchObject({ error: "did not answer within 0.3 s" });
  expect(sent.status).toBeUndefined();
  await fixture.release(name);
});

it("a receiver's endless body is not read", async () => {
  const name = repository("endless");
  await fixture.receive(name, { status: 200, headers: { "content-length": "1000000000" } });
  const hook = { name, url: fixture.receiver(name) };
  const sent = await send(hook, new Uint8Array(32), { event: "e", body: "{}" });
  expect(sent).toMatchObject({ status: 200 });
  expect(sent.error).toBeUndefined();
});
