// Deliveries to webhooks: signed, at least once and in order for each subject, whatever the receiver does meanwhile.

import { abortAllDurableObjects } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { eventually } from "../support/waiting.ts";
import {
  alarm,
  alarmAt,
  configure,
  eventsOf,
  HOOK_KEY,
  type Hook,
  happen,
  newHook,
  placeOf,
  queueOf,
  unconfigure,
} from "../support/webhooks.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(unconfigure);

const moved = (name: string, digit = "a", tag = "1") =>
  ({ what: "tag.moved", place: placeOf(name), tag, digest: digestOf(digit) }) as const;
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;

/** A configured webhook that the catalog has begun to wake. */
function configured(fields: Partial<Hook> = {}): Hook {
  const hook = newHook(fields);
  configure(hook);
  return hook;
}

/** Waits for an attempt's end to be recorded. */
const until = (hook: Hook, state: object) =>
  eventually(async () => expect(await queueOf(hook).state(hook.name)).toMatchObject(state));

/** The same once the clock was put on: an alarm that is set to its time does not come by itself. */
const soon = (hook: Hook, state: object) =>
  eventually(async () => {
    await alarm(hook);
    expect(await queueOf(hook).state(hook.name)).toMatchObject(state);
  });

/** What the receiver got: the subjects and digests' first digits, in order. */
const got = async (hook: Hook) =>
  (await eventsOf(hook)).map(({ subject, data }) => `${subject} ${data.digest?.[7] ?? ""}`.trim());

describe("an event", () => {
  it("of a pull comes as a CloudEvent with the client's name, signed", async () => {
    const hook = configured({ events: ["image.*"] });
    const name = repository("hooked");
    const image = await fixture.image(name, "1");
    const cache = new Cache();
    await cache.bytes(`open/${name}/manifests/1`);
    await cache.settled();
    await until(hook, { delivered: 1, pending: 0, letters: 0 });
    const [request] = await fixture.received(hook.name);
    const { method = "", headers = {}, body = "" } = request ?? {};
    expect(method).toBe("POST");
    expect(headers["content-type"]).toBe("application/cloudevents+json");
    const event = new Webhook(HOOK_KEY).verify(body, headers);
    expect(event).toEqual({
      specversion: "1.0",
      id: headers["webhook-id"],
      source: expect.stringMatching(/^urn:entrepot:[0-9a-f]{16}$/),
      type: "dev.entrepot.image.cached",
      subject: `open/${name}@${image.digest}`,
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      datacontenttype: "application/json",
      data: {
        repository: `open/${name}`,
        rule: "open",
        digest: image.digest,
        detail: image.mediaType,
      },
    });
  });

  it("is signed with the text of a secret that is no whsec_", async () => {
    const hook = newHook({ secret: "TEXT_KEY" });
    configure(hook);
    const text = "a text of twenty-four bytes and more";
    Object.assign(env, { TEXT_KEY: text });
    await happen(moved(repository("text")));
    await until(hook, { delivered: 1 });
    const [{ headers, body } = { headers: {}, body: "" }] = await fixture.received(hook.name);
    expect(() => new Webhook(HOOK_KEY).verify(body, headers)).toThrow();
    new Webhook(text, { format: "raw" }).verify(body, headers);
  });

  it("comes where its name and its repository are wanted, by any name of the rule", async () => {
    const name = repository("wanted");
    const hook = newHook({ events: ["tag.*", "upstream.down"], repositories: [`open/${name}`] });
    const other = newHook({ events: ["upstream.*"], repositories: ["nothing/**"] });
    configure(hook, other);
    await happen(
      { ...moved(name), what: "image.cached" },
      moved(repository("unwanted")),
      moved(name, "b"),
      { what: "upstream.down", upstream: "registry.example", detail: "refuses" },
      { what: "upstream.up", upstream: "registry.example" },
    );
    await until(hook, { delivered: 2, pending: 0 });
    await until(other, { delivered: 2, pending: 0 });
    expect((await got(hook)).sort()).toEqual([`open/${name}:1 b`, "registry.example"].sort());
    expect(await got(other)).toEqual(["registry.example", "registry.example"]);
  });

  it("of a repository that no rule leads to any more has its name at the upstream, without credentials", async () => {
    const hook = configured();
    const place = "old.example/path~SOME_SECRET//team/app";
    await happen({ what: "image.expired", place, digest: digestOf("e") });
    await until(hook, { delivered: 1 });
    const [event] = await eventsOf(hook);
    expect(event?.subject).toBe(`old.example/path/team/app@${digestOf("e")}`);
    expect(JSON.stringify(event)).not.toContain("SOME_SECRET");
  });

  it("from before the webhook was made does not come, the one that wakes it does", async () => {
    const name = repository("history");
    unconfigure();
    await happen(moved(name, "a"), moved(name, "b"));
    const hook = configured();
    await happen(moved(name, "c"), moved(name, "d"));
    await until(hook, { delivered: 2 });
    expect(await got(hook)).toEqual([`open/${name}:1 c`, `open/${name}:1 d`]);
  });

  it("whose wake was lost comes by the cron", async () => {
    const hook = configured();
    const name = repository("lost");
    await happen(moved(name, "a"));
    await until(hook, { delivered: 1 });
    unconfigure();
    await happen(moved(name, "b"));
    configure(hook);
    await new Cache().sweep(Date.now());
    await until(hook, { delivered: 2 });
    expect(await got(hook)).toEqual([`open/${name}:1 a`, `open/${name}:1 b`]);
  });
});

describe("a report to the catalog", () => {
  it("neither fails nor waits when webhooks cannot be woken, and the next wake brings what was missed", async () => {
    const hook = configured();
    const name = repository("unwoken");
    const own = env as unknown as Record<string, unknown>;
    const binding = own.WEBHOOK_QUEUE;
    const calls: string[] = [];
    own.WEBHOOK_QUEUE = {
      idFromName: (id: string) => id,
      get: (id: string) => ({
        wake: () => {
          calls.push(id);
          return Promise.reject(Object.assign(new Error("overloaded"), { overloaded: true }));
        },
      }),
    };
    try {
      await happen(moved(name, "a"));
      await eventually(() => expect(calls).toContain(hook.name));
    } finally {
      own.WEBHOOK_QUEUE = binding;
    }
    await happen(moved(name, "b"));
    await until(hook, { delivered: 2 });
    expect(await got(hook)).toEqual([`open/${name}:1 a`, `open/${name}:1 b`]);
  });

  it("is answered while a wake hangs", async () => {
    configured();
    const own = env as unknown as Record<string, unknown>;
    const binding = own.WEBHOOK_QUEUE;
    let hanging = 0;
    own.WEBHOOK_QUEUE = {
      idFromName: (id: string) => id,
      get: () => ({
        wake: () => {
          hanging += 1;
          return new Promise(() => {});
        },
      }),
    };
    try {
      await happen(moved(repository("hanging")));
      await eventually(() => expect(hanging).toBe(1));
      await happen(moved(repository("hanging")));
    } finally {
      own.WEBHOOK_QUEUE = binding;
    }
  });
});

describe("order", () => {
  it("is kept for a subject while its first event fails; other subjects go on", async () => {
    const hook = configured();
    const [stuck, free] = [repository("stuck"), repository("free")];
    await fixture.receive(hook.name, { subject: `open/${stuck}:1`, times: 3, status: 500 });
    await happen(moved(stuck, "a"), moved(stuck, "b"), moved(free, "c"), moved(free, "d"));
    await until(hook, { delivered: 2, failed: 1, pending: 2 });
    expect((await got(hook)).filter((one) => one.includes(free))).toEqual([
      `open/${free}:1 c`,
      `open/${free}:1 d`,
    ]);
    for (const failed of [2, 3]) {
      later(MINUTE);
      await alarm(hook);
      await until(hook, { failed });
    }
    later(HOUR);
    await alarm(hook);
    await until(hook, { delivered: 4, pending: 0, failures: 0 });
    const own = (await got(hook)).filter((one) => one.includes(stuck));
    expect(own.map((one) => one.at(-1))).toEqual(["a", "a", "a", "a", "b"]);
  });

  it("lets an event of another subject pass one that the receiver keeps waiting", async () => {
    const hook = configured();
    const [slow, quick] = [repository("slow"), repository("quick")];
    await fixture.receive(hook.name, { subject: `open/${slow}:1`, hold: slow });
    await happen(moved(slow, "a"));
    await fixture.held(slow);
    await happen(moved(slow, "b"), moved(quick, "c"));
    await until(hook, { delivered: 1, pending: 2 });
    expect(await got(hook)).toEqual([`open/${slow}:1 a`, `open/${quick}:1 c`]);
    await fixture.release(slow);
    await until(hook, { delivered: 3, pending: 0 });
  });
});

describe("an attempt that fails", () => {
  it("is repeated with the same id, after longer and longer times, for a day; then the delivery is a dead letter", async () => {
    const hook = configured();
    const name = repository("dead");
    await fixture.receive(hook.name, { status: 503, body: "an-answer-of-the-receiver" });
    await happen(moved(name));
    await until(hook, { failed: 1, pending: 1 });
    const delays: number[] = [];
    const begun = Date.now();
    for (let failed = 2; failed < 100; failed++) {
      const now = Date.now();
      const wait = ((await alarmAt(hook)) ?? now) - now;
      if ((await queueOf(hook).state(hook.name)).letters > 0) break;
      delays.push(wait);
      later(wait + 10);
      await alarm(hook);
      await until(hook, { failed });
    }
    expect(Date.now() - begun).toBeGreaterThan(22 * HOUR);
    expect(Date.now() - begun).toBeLessThan(24 * HOUR + MINUTE);
    expect(delays.length).toBeGreaterThan(25);
    expect(delays.length).toBeLessThan(60);
    expect(delays[0]).toBeLessThanOrEqual(5_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(HOUR);
    expect(await alarmAt(hook)).toBeNull();
    const ids = new Set(
      (await fixture.received(hook.name)).map((one) => one.headers["webhook-id"]),
    );
    expect(ids.size).toBe(1);
    const times = (await fixture.received(hook.name)).map(
      (one) => one.headers["webhook-timestamp"],
    );
    expect(new Set(times).size).toBeGreaterThan(20);
    const [letter] = await queueOf(hook).dead(undefined, 10);
    expect(letter).toMatchObject({
      event: [...ids][0],
      what: "tag.moved",
      subject: `open/${name}:1`,
      status: 503,
      error: "answered 503",
    });
  });

  it("is repeated when the receiver asks for it", async () => {
    const hook = configured();
    await fixture.receive(hook.name, { status: 429, headers: { "retry-after": "1800" } });
    await happen(moved(repository("asked")));
    await until(hook, { failed: 1 });
    expect(((await alarmAt(hook)) ?? 0) - Date.now()).toBeGreaterThan(29 * MINUTE);
  });

  it("may be a redirect, which is not followed", async () => {
    const hook = configured();
    const target = newHook();
    await fixture.receive(hook.name, { status: 307, headers: { location: target.url } });
    await happen(moved(repository("redirected")));
    await until(hook, { failed: 1, pending: 1 });
    expect(await fixture.received(target.name)).toEqual([]);
    const { last } = await queueOf(hook).state(hook.name);
    expect(last).toMatchObject({
      status: 307,
      error: "answered 307, a redirect, which is not followed",
    });
  });

  it("may be a broken connection", async () => {
    const hook = configured();
    await fixture.receive(hook.name, { reset: true, times: 1 });
    await happen(moved(repository("broken")));
    await until(hook, { failed: 1, pending: 1 });
    const { last } = await queueOf(hook).state(hook.name);
    expect(last?.error).toBe("could not be reached");
    later(MINUTE);
    await alarm(hook);
    await until(hook, { delivered: 1 });
  });

  it("is repeated after the object was reset in the middle of it", async () => {
    const hook = configured();
    const name = repository("reset");
    await fixture.receive(hook.name, { hold: name });
    await happen(moved(name, "a"), moved(name, "b"));
    await fixture.held(name);
    await abortAllDurableObjects();
    await fixture.release(name);
    later(2 * MINUTE);
    await soon(hook, { pending: 0 });
    expect((await got(hook)).map((one) => one.at(-1))).toEqual(["a", "a", "b"]);
  });
});

describe("410 Gone", () => {
  it("switches the webhook off until its configuration changes, and keeps the delivery as a dead letter", async () => {
    const hook = configured();
    const name = repository("gone");
    await fixture.receive(hook.name, { status: 410 });
    await happen(moved(name, "a"), moved(name, "b"));
    await until(hook, { letters: 1, pending: 1, goneAt: expect.any(Number) });
    later(HOUR);
    await happen(moved(name, "c"));
    await eventually(async () => expect(await alarm(hook)).toBe(true));
    await new Cache().sweep(Date.now());
    await alarm(hook);
    expect(await got(hook)).toEqual([`open/${name}:1 a`]);

    const changed = { ...hook, url: `${hook.url}?again` };
    configure(changed);
    await fixture.receive(hook.name);
    await happen(moved(name, "d"));
    await soon(hook, { pending: 0, delivered: 2 });
    expect((await queueOf(hook).state(hook.name)).goneAt).toBeUndefined();
    // What happened while it was off does not come.
    expect((await got(hook)).map((one) => one.at(-1))).toEqual(["a", "b", "d"]);
  });
});

describe("a webhook", () => {
  it("that is no longer configured is forgotten, and begins anew when it is again", async () => {
    const hook = configured();
    const name = repository("removed");
    await fixture.receive(hook.name, { status: 500 });
    await happen(moved(name, "a"));
    await until(hook, { failed: 1 });
    unconfigure();
    configure();
    later(MINUTE);
    await alarm(hook);
    await happen(moved(name, "b"));
    configure(hook);
    await fixture.receive(hook.name);
    await happen(moved(name, "c"));
    await soon(hook, { delivered: 1, failed: 0, pending: 0 });
    expect((await got(hook)).map((one) => one.at(-1))).toEqual(["a", "c"]);
  });

  it("whose secret is missing queues events, and sends them once it is there", async () => {
    const hook = configured({ secret: "LATE_KEY" });
    await happen(moved(repository("late")));
    await until(hook, { pending: 1, failed: 0 });
    Object.assign(env, { LATE_KEY: HOOK_KEY });
    await new Cache().sweep(Date.now());
    await until(hook, { delivered: 1, pending: 0 });
  });
});
