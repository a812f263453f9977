// The API of webhooks, its page, its commands and its metrics: what they show of receivers and dead letters, who may change them, and that
// nothing of a receiver's answer or of the secret is shown.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { AboutAnswer } from "../../src/api/about.ts";
import type { DeadLettersAnswer, WebhookAnswer, WebhooksAnswer } from "../../src/api/webhooks.ts";
import type { Api } from "../../src/cli/api.ts";
import { webhookFindings } from "../../src/cli/webhook-findings.ts";
import { ADMIN, api, bearer, shutCache, VIEWER } from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { cliOf } from "../support/cli.ts";
import { later } from "../support/clock.ts";
import { secretIn } from "../support/secrets.ts";
import { eventually } from "../support/waiting.ts";
import {
  alarm,
  configure,
  eventsOf,
  type Hook,
  happen,
  newHook,
  placeOf,
  queueOf,
  unconfigure,
  withoutObject,
} from "../support/webhooks.ts";

const DAY = 24 * 60 * 60_000;
const ANSWER = "an-answer-of-the-receiver";

afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(unconfigure);

const json = async <T>(cache: Cache, method: string, path: string): Promise<T> => {
  const response = await api(cache, method, path);
  expect([path, response.status]).toEqual([path, 200]);
  const text = await response.text();
  expect(secretIn(text)).toBeUndefined();
  expect(text).not.toContain(ANSWER);
  return JSON.parse(text) as T;
};

const moved = (name: string, digit = "a") =>
  ({
    what: "tag.moved",
    place: placeOf(name),
    tag: "1",
    digest: `sha256:${digit.repeat(64)}`,
  }) as const;

/** Makes dead letters of events of these repositories. */
async function die(hook: Hook, ...names: string[]): Promise<void> {
  await fixture.receive(hook.name, { status: 500, body: ANSWER });
  await happen(...names.map((name) => moved(name)));
  await eventually(async () =>
    expect(await queueOf(hook).state(hook.name)).toMatchObject({ failed: names.length }),
  );
  later(2 * DAY);
  await alarm(hook);
  expect(await queueOf(hook).state(hook.name)).toMatchObject({ letters: names.length, pending: 0 });
}

const state = async (cache: Cache, { name }: Hook): Promise<WebhookAnswer> => {
  const { webhooks } = await json<WebhooksAnswer>(cache, "GET", "webhooks");
  return webhooks.find((one) => one.name === name) as WebhookAnswer;
};
const letters = async (cache: Cache, { name }: Hook) =>
  (await json<DeadLettersAnswer>(cache, "GET", `webhooks/${name}/dead`)).deadLetters;

describe("the list", () => {
  it("tells of each webhook what it sends, the last attempt and what waits; of its URL not the query", async () => {
    const hook = newHook({ events: ["tag.*"], repositories: ["open/**"] });
    configure({ ...hook, url: `${hook.url}?code=of-the-receiver` });
    const name = repository("listed");
    await fixture.receive(hook.name, { status: 500, body: ANSWER });
    await happen(moved(name, "a"), moved(name, "b"));
    const cache = shutCache({ REPORT_EVERY: "0s" });
    await eventually(async () =>
      expect(await state(cache, hook)).toEqual({
        name: hook.name,
        url: `${hook.url}?…`,
        events: ["tag.*"],
        repositories: ["open/**"],
        pending: 2,
        oldestAt: expect.any(String),
        failures: 1,
        delivered: 0,
        failed: 1,
        dead: 0,
        lost: 0,
        deadLetters: 0,
        last: {
          at: expect.any(String),
          took: expect.any(Number),
          status: 500,
          error: "answered 500",
          event: "tag.moved",
          subject: `open/${name}:1`,
        },
      }),
    );
  });

  it("says why nothing is sent: without the secret, and without the binding", async () => {
    const hook = newHook({ secret: "NO_KEY" });
    configure(hook);
    expect((await state(shutCache(), hook)).problem).toContain("NO_KEY is not set");
    configure(newHook());
    const cache = shutCache({ WEBHOOK_QUEUE: undefined });
    const { webhooks } = await json<WebhooksAnswer>(cache, "GET", "webhooks");
    expect(webhooks[0]?.problem).toContain("WEBHOOK_QUEUE is missing");
    const about = await json<{ bindings: { name: string; good: boolean }[] }>(
      cache,
      "GET",
      "about",
    );
    expect(about.bindings).toContainEqual(
      expect.objectContaining({ name: "WEBHOOK_QUEUE", good: false }),
    );
  });

  it("tells of the others where one webhook's object fails, and so do /metrics, the page, the command and the doctor", async () => {
    const [broken, whole] = [newHook(), newHook()];
    configure(broken, whole);
    const cache = shutCache({ WEBHOOK_QUEUE: withoutObject(broken) });
    const { webhooks } = await json<WebhooksAnswer>(cache, "GET", "webhooks");
    const unread = "its Durable Object fails: out of order";
    expect(webhooks).toEqual([
      expect.objectContaining({ name: broken.name, unread }),
      expect.not.objectContaining({ unread: expect.anything() }),
    ]);
    const headers = bearer(ADMIN);
    const metrics = await cache.ask("https://cache.example/metrics", { headers });
    expect(metrics.status).toBe(200);
    const text = await metrics.text();
    expect(text).toContain(`entrepot_webhook_pending{hook="${whole.name}"} 0`);
    expect(text).not.toContain(broken.name);
    const page = await cache.ask("https://cache.example/webhooks", {
      headers: { ...headers, accept: "text/html" },
    });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(`Its state cannot be read: ${unread}`);
    const { out } = await cliOf(cache)("webhooks", "list");
    expect(out).toContain(`its state cannot be read: ${unread}`);
    expect(out).toContain(whole.name);
  });

  it("holds up no sweep while a webhook's object does not answer", async () => {
    const hook = newHook();
    configure(hook);
    const { promise: answered, resolve: answer } = Promise.withResolvers<{ value: undefined }>();
    const cache = shutCache({ WEBHOOK_QUEUE: withoutObject(hook, { look: () => answered }) });
    const runs = async () =>
      (await json<{ runs: { id: number; endedAt?: string }[] }>(cache, "GET", "lifecycle/runs?n=1"))
        .runs[0];
    const before = await runs();
    const sweep = cache.sweep(Date.now());
    await eventually(async () => {
      const run = await runs();
      expect(run?.id).not.toBe(before?.id);
      expect(run?.endedAt).toBeDefined();
    });
    answer({ value: undefined });
    await sweep;
  });

  it("is empty without webhooks, and a cache without the binding works", async () => {
    configure();
    const cache = shutCache({ WEBHOOK_QUEUE: undefined });
    expect(await json(cache, "GET", "webhooks")).toEqual({ webhooks: [] });
    await new Cache({ WEBHOOK_QUEUE: undefined }).sweep(Date.now());
  });
});

describe("a test", () => {
  it("is sent at once, and told by the receiver's status alone", async () => {
    const hook = newHook();
    configure(hook);
    const cache = shutCache();
    const test = () => json<object>(cache, "POST", `webhooks/${hook.name}/test`);
    const told = { at: expect.any(String), took: expect.any(Number) };
    expect(await test()).toEqual({ ...told, status: 204 });
    const [event] = await eventsOf(hook);
    expect(event).toMatchObject({
      id: expect.stringMatching(/^test_/),
      type: "dev.entrepot.test",
      subject: hook.name,
    });
    await fixture.receive(hook.name, { status: 418, body: ANSWER });
    expect(await test()).toEqual({ ...told, status: 418, error: "answered 418" });
    expect(await state(cache, hook)).toMatchObject({ delivered: 0, failed: 0, pending: 0 });
    const { actions } = await json<{ actions: { what: string }[] }>(cache, "GET", "audit");
    expect(actions[0]?.what).toBe(`tested the webhook ${hook.name}`);
  });

  it("that arrives has what waits for its next attempt sent too", async () => {
    const hook = newHook();
    configure(hook);
    await fixture.receive(hook.name, { status: 429, headers: { "retry-after": "3000" }, times: 1 });
    await happen(moved(repository("waiting")));
    await eventually(async () =>
      expect(await queueOf(hook).state(hook.name)).toMatchObject({ failed: 1 }),
    );
    await json(shutCache(), "POST", `webhooks/${hook.name}/test`);
    await eventually(async () =>
      expect(await queueOf(hook).state(hook.name)).toMatchObject({ delivered: 1, pending: 0 }),
    );
  });

  it("says that the secret is missing", async () => {
    const hook = newHook({ secret: "NO_KEY" });
    configure(hook);
    expect(await json(shutCache(), "POST", `webhooks/${hook.name}/test`)).toMatchObject({
      error: expect.stringContaining("NO_KEY is not set"),
    });
  });
});

describe("a dead letter", () => {
  it("is listed, is sent again with its id, and is gone once it is delivered", async () => {
    const hook = newHook();
    configure(hook);
    const cache = shutCache();
    const names = [repository("x"), repository("y"), repository("z")];
    await die(hook, ...names);
    const before = await eventsOf(hook);
    const listed = await letters(cache, hook);
    expect(listed.map(({ subject }) => subject)).toEqual(
      names.toReversed().map((name) => `open/${name}:1`),
    );
    expect(listed[0]).toMatchObject({ event: "tag.moved", status: 500, error: "answered 500" });
    await fixture.receive(hook.name);
    const [letter] = listed;
    const path = `webhooks/${hook.name}/dead`;
    expect(await json(cache, "POST", `${path}/${letter?.id}/redeliver`)).toEqual({ count: 1 });
    await alarm(hook);
    const events = await eventsOf(hook);
    expect(events.length).toBe(before.length + 1);
    expect(events.at(-1)?.id).toBe(letter?.eventId);
    expect(await letters(cache, hook)).toHaveLength(2);
    expect(await json(cache, "POST", `${path}/all/redeliver`)).toEqual({ count: 2 });
    await alarm(hook);
    expect(await state(cache, hook)).toMatchObject({ delivered: 3, deadLetters: 0, dead: 3 });
  });

  it("is deleted, one or all; one that is not there is a 404", async () => {
    const hook = newHook();
    configure(hook);
    const cache = shutCache();
    await die(hook, repository("x"), repository("y"), repository("z"));
    const [letter] = await letters(cache, hook);
    const path = `webhooks/${hook.name}/dead`;
    expect(await json(cache, "DELETE", `${path}/${letter?.id}`)).toEqual({ count: 1 });
    expect((await api(cache, "DELETE", `${path}/${letter?.id}`)).status).toBe(404);
    expect((await api(cache, "POST", `${path}/${letter?.id}/redeliver`)).status).toBe(404);
    expect((await api(cache, "DELETE", `${path}/x`)).status).toBe(400);
    expect(await json(cache, "DELETE", `${path}/all`)).toEqual({ count: 2 });
    expect(await json(cache, "DELETE", `${path}/all`)).toEqual({ count: 0 });
    expect((await api(cache, "GET", "webhooks/none/dead")).status).toBe(404);
    const { actions } = await json<{ actions: { what: string }[] }>(cache, "GET", "audit");
    expect(actions.map(({ what }) => what)).toContain(
      `deleted all dead letters of the webhook ${hook.name}`,
    );
  });

  it("is shown to viewers, who may not change it; others see nothing", async () => {
    const hook = newHook();
    configure(hook);
    const cache = shutCache();
    for (const [method, path, viewer] of [
      ["GET", "webhooks", 200],
      ["GET", `webhooks/${hook.name}/dead`, 200],
      ["POST", `webhooks/${hook.name}/test`, 403],
      ["POST", `webhooks/${hook.name}/dead/all/redeliver`, 403],
      ["DELETE", `webhooks/${hook.name}/dead/all`, 403],
    ] as const) {
      const asViewer = await api(cache, method, path, undefined, bearer(VIEWER));
      expect([path, asViewer.status]).toEqual([path, viewer]);
      expect((await api(cache, method, path, undefined, {})).status).toBe(401);
    }
    expect(await fixture.received(hook.name)).toEqual([]);
  });
});

describe("shown elsewhere", () => {
  const hook = newHook({ events: ["tag.*"] });
  const name = repository("shown");
  const cache = () => shutCache();
  beforeAll(async () => {
    configure(hook);
    await die(hook, name);
    vi.restoreAllMocks();
  });
  const told = async () => {
    configure(hook);
    return cliOf(cache());
  };

  it("metrics count by webhook and result", async () => {
    configure(hook);
    const response = await cache().ask("https://cache.example/metrics", { headers: bearer(ADMIN) });
    const text = await response.text();
    expect(text).toMatch(
      new RegExp(`^entrepot_webhook_deliveries_total{hook="${hook.name}",result="dead"} 1$`, "m"),
    );
    expect(text).toContain(`entrepot_webhook_dead_letters{hook="${hook.name}"} 1`);
    expect(text).toContain(`entrepot_webhook_pending{hook="${hook.name}"} 0`);
    expect(text).toContain(`entrepot_webhook_gone{hook="${hook.name}"} 0`);
  });

  it("pages show its state and its dead letters, and change them for admins alone", async () => {
    configure(hook);
    const own = cache();
    const page = async (path: string, token = ADMIN) => {
      const headers = { ...bearer(token), accept: "text/html" };
      const response = await own.ask(`https://cache.example${path}`, { headers });
      expect([path, response.status]).toEqual([path, 200]);
      const text = await response.text();
      expect(secretIn(text)).toBeUndefined();
      expect(text).not.toContain(ANSWER);
      return text;
    };
    const list = await page("/webhooks");
    expect(list).toContain(hook.name);
    expect(list).toContain("1 dead letter");
    expect(list).toContain("answered 500");
    expect(await page("/webhooks", VIEWER)).not.toContain("/webhooks/test");
    expect(await page("/events")).toContain('href="/webhooks"');
    const dead = await page(`/webhooks/dead?name=${hook.name}`);
    expect(dead).toContain(`open/${name}:1`);
    expect(await page(`/webhooks/dead?name=${hook.name}`, VIEWER)).not.toContain("/webhooks/drop");
    const post = (path: string, form: Record<string, string>) =>
      own.ask(`https://cache.example${path}`, {
        method: "POST",
        headers: { ...bearer(ADMIN), "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ name: hook.name, ...form }).toString(),
        redirect: "manual",
      });
    expect(await page(`/webhooks/test?name=${hook.name}`)).toContain("Send a test");
    expect((await post("/webhooks/test", {})).status).toBe(303);
    expect(await page(`/webhooks/drop?name=${hook.name}&id=7`)).toContain("Delete this dead");
    expect((await post("/webhooks/drop", { id: "999999" })).status).toBe(404);
    expect(await page(`/webhooks/redeliver?name=${hook.name}&id=all`)).toContain("Send all dead");
  });

  it("commands list, show dead letters, test, redeliver and drop", async () => {
    const entrepot = await told();
    const list = await entrepot("webhooks", "list");
    expect(list.out).toContain(hook.name);
    expect(list.out).toContain("1 dead letter");
    const dead = await entrepot("webhooks", "dead", hook.name);
    expect(dead.out).toContain(`open/${name}:1`);
    expect(JSON.parse((await entrepot("webhooks", "dead", hook.name, "--json")).out)).toEqual(
      JSON.parse(JSON.stringify(await json(cache(), "GET", `webhooks/${hook.name}/dead`))),
    );
    const failed = await entrepot("webhooks", "test", hook.name);
    expect([failed.code, failed.out]).toEqual([1, expect.stringContaining("answered 500")]);
    await fixture.receive(hook.name);
    const good = await entrepot("webhooks", "test", hook.name);
    expect([good.code, good.out]).toEqual([0, expect.stringContaining("204")]);
    expect((await entrepot("webhooks", "drop", hook.name)).code).not.toBe(0);
    expect((await entrepot("webhooks", "drop", hook.name, "999999")).code).toBe(1);
    const all = await entrepot("webhooks", "redeliver", hook.name, "--all");
    expect([all.code, all.out]).toEqual([0, expect.stringContaining("1 dead letter")]);
    await eventually(async () =>
      expect(await queueOf(hook).state(hook.name)).toMatchObject({ letters: 0, delivered: 1 }),
    );
    const none = await entrepot("webhooks", "drop", hook.name, "--all");
    expect([none.code, none.out]).toEqual([0, expect.stringContaining("0 dead letters")]);
  });

  it("the doctor tells what fails, and dead letters; of an earlier version it asks nothing", async () => {
    const webhook = { name: "h", failures: 0, deadLetters: 0 } as WebhookAnswer;
    const last = { error: "answered 500" } as WebhookAnswer["last"];
    const at = "2026-11-29T15:04:05.123Z";
    const all = [
      webhook,
      { ...webhook, failures: 2, last, deadLetters: 3 },
      { ...webhook, deadLetters: 1 },
      { ...webhook, problem: "the secret K is not set" },
      { ...webhook, goneAt: at, failures: 1, last },
      { ...webhook, unread: "its Durable Object fails: out of order" },
    ];
    const findings = (names: string[]) =>
      webhookFindings(
        { ask: async () => ({ webhooks: all }) } as unknown as Api,
        { bindings: names.map((one) => ({ name: one, good: true })) } as AboutAnswer,
      );
    expect(await findings(["META"])).toEqual([]);
    const dead = (count: string) =>
      ["careful", `the webhook h has ${count}: npm run entrepot -- webhooks dead h`] as const;
    expect(await findings(["META", "WEBHOOK_QUEUE"])).toEqual([
      ["good", "the webhook h delivers"],
      ["bad", "the webhook h fails: its receiver answered 500"],
      dead("3 dead letters"),
      dead("1 dead letter"),
      ["bad", "the webhook h sends nothing: the secret K is not set"],
      ["bad", "the webhook h is switched off: its receiver answered 410 Gone"],
      ["bad", "the webhook h is in an unknown state: its Durable Object fails: out of order"],
    ]);
  });

  it("nothing that is configured: the command says so", async () => {
    configure();
    expect((await cliOf(cache())("webhooks", "list")).out).toContain("no webhooks");
  });
});
