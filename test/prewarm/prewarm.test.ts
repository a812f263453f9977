// Prewarming: images are fetched before the first pull, once, through interruptions; clients' pulls come first.

import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import type { Env } from "../../src/env.ts";
import { Sqlite } from "../../src/platform/sqlite.ts";
import * as jobs from "../../src/prewarm/jobs.ts";
import { openPrewarm } from "../../src/prewarm/open.ts";
import { beginScheduled } from "../../src/prewarm/scheduled.ts";
import { api, bearer, shutCache, VIEWER } from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { type Image, seedOf } from "../support/fixture.ts";
import { keyPair, signByBundle, signByTag } from "../support/signing.ts";
import { MiB, readSome, receive } from "../support/transfers.ts";
import { eventually } from "../support/waiting.ts";

const cache = shutCache();
const client = new Cache();
const { PREWARM } = env as unknown as Env;
const alarm = () => runDurableObjectAlarm(PREWARM.get(PREWARM.idFromName("prewarm")));

afterEach(() => {
  vi.restoreAllMocks();
});

interface Job {
  id: string;
  state: string;
  createdBy: string;
  platforms: string[];
  counts: Record<string, number>;
  layers: { total: number; done: number };
  bytes: { total: number; done: number };
  items: {
    reference: string;
    state: string;
    digest?: string;
    error?: string;
    note?: string;
    nextAt?: string;
    bytes: { total: number; done: number };
  }[];
}

async function start(references: string[], more: object = {}): Promise<string> {
  const response = await api(cache, "POST", "prewarm", { references, ...more });
  expect(response.status).toBe(202);
  return ((await response.json()) as Job).id;
}

const jobOf = async (id: string): Promise<Job> => (await api(cache, "GET", `prewarm/${id}`)).json();

async function ended(id: string, state = "done", patience?: number): Promise<Job> {
  const check = async () => {
    const job = await jobOf(id);
    expect([job.state, job.items.map(({ error }) => error)]).toEqual([state, expect.anything()]);
    return job;
  };
  return eventually(check, undefined, patience);
}

const requestsOf = (name: string) => fixture.requests({ repository: name });
const gets = async (name: string, kind: "blob" | "manifest") =>
  (await fixture.requests({ repository: name, kind, method: "GET" })).map(
    ({ reference }) => reference,
  );
const digestsOf = ({ config, layers }: Image) => [config, ...layers].map(({ digest }) => digest);

async function index(name: string) {
  const of = (os: string, architecture: string, size: number) =>
    fixture.image(name, undefined, {
      platform: { os, architecture },
      layers: [size, 2_000],
      seed: `${name}${architecture}`,
    });
  const amd = await of("linux", "amd64", 3_000);
  const arm = await of("linux", "arm64", 4_000);
  const windows = await of("windows", "amd64x", 5_000);
  const { digest } = await fixture.index(name, "1", [amd, arm, windows]);
  return { amd, arm, windows, digest };
}

describe("an image", () => {
  it("is cached with the requested platforms, each blob fetched once; a pull then sends no upstream request", async () => {
    const name = repository("warm");
    const { amd, arm, windows, digest } = await index(name);
    const id = await start([`open/${name}:1`]);
    const job = await ended(id);
    const bytes = [...digestsOf(amd), ...digestsOf(arm)];
    expect((await gets(name, "blob")).sort()).toEqual(bytes.sort());
    expect((await gets(name, "manifest")).sort()).toEqual([digest, amd.digest, arm.digest].sort());
    expect(job).toMatchObject({
      platforms: ["linux/amd64", "linux/arm64"],
      createdBy: "the admin token",
      counts: { done: 1, waiting: 0, working: 0, failed: 0, cancelled: 0 },
      layers: { total: 6, done: 6 },
      items: [{ reference: `open/${name}:1`, state: "done", digest }],
    });
    expect(job.bytes.done).toBe(job.bytes.total);
    expect(job.bytes.total).toBeGreaterThan(11_000);
    const before = (await requestsOf(name)).length;
    for (const path of ["manifests/1", `manifests/${amd.digest}`, `blobs/${amd.layers[0]?.digest}`])
      await client.bytes(`open/${name}/${path}`);
    expect((await requestsOf(name)).length).toBe(before);
    expect(await gets(name, "blob")).not.toContain(windows.layers[0]?.digest);
  });

  it("is here with its signatures where the job asks for referrers", async () => {
    const name = repository("signed");
    const image = await fixture.image(name, "1");
    const signature = await signByTag(name, image, keyPair());
    const bundle = await signByBundle(name, image, keyPair());
    await ended(await start([`open/${name}:1`]));
    expect(await gets(name, "manifest")).toEqual([image.digest]);
    await ended(await start([`open/${name}:1`], { referrers: true }));
    const manifests = [image, signature, bundle].map(({ digest }) => digest);
    const fetched = (await gets(name, "manifest")).filter((reference) => reference.includes(":"));
    expect(fetched.sort()).toEqual(manifests.sort());
  });

  it("can be prewarmed with all platforms, by digest, and again: cached content is not fetched anew", async () => {
    const name = repository("whole");
    const { digest } = await index(name);
    await ended(await start([`open/${name}@${digest}`], { platforms: ["all"] }));
    const before = (await gets(name, "blob")).length;
    expect(before).toBe(9);
    const job = await ended(await start([`open/${name}:1`], { platforms: ["all"] }));
    expect(await gets(name, "blob")).toHaveLength(before);
    expect(job.layers).toEqual({ total: 9, done: 9 });
  });

  it("without one of the platforms says so, and fails where it has none of them", async () => {
    const name = repository("platforms");
    await index(name);
    const some = await ended(
      await start([`open/${name}:1`], { platforms: ["linux/amd64", "linux/s390x"] }),
    );
    expect(some.items[0]?.note).toBe("no manifest for linux/s390x");
    const none = await ended(
      await start([`open/${name}:1`], { platforms: ["linux/s390x"] }),
      "failed",
    );
    expect(none.items[0]).toMatchObject({ state: "failed", error: "no manifest for linux/s390x" });
  });

  it("that cannot be fetched has the reason: unknown, without a rule, denied upstream; the others are fetched", async () => {
    const name = repository("good");
    await fixture.image(name, "1");
    const job = await ended(
      await start([`open/${name}:none`, "nowhere.example/x:1", `open/${name}:1`]),
      "failed",
    );
    expect(job.items.map(({ state }) => state)).toEqual(["failed", "failed", "done"]);
    expect(job.items[0]?.error).toContain("answered 404");
    expect(job.items[1]?.error).toContain("there is no rule");
  });
});

describe("a job of fifty", () => {
  it("whose object is killed midway completes, and fetches nothing twice", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const names = Array.from({ length: 50 }, () => repository("many"));
    await Promise.all(names.map((name) => fixture.image(name, "1", { layers: [700, 800] })));
    const id = await start(names.map((name) => `open/${name}:1`));
    await eventually(async () => expect((await jobOf(id)).counts.done).toBeGreaterThan(8), 5);
    const doneBefore = (await jobOf(id)).items.filter(({ state }) => state === "done");
    await abortAllDurableObjects();
    const before = await jobOf(id);
    expect(before.state).toBe("running");
    expect(before.counts.done).toBeLessThan(50);
    await alarm();
    const job = await ended(id, "done", 90_000);
    expect(job.counts).toMatchObject({ done: 50, failed: 0 });
    const fetched = await Promise.all(names.map(async (name) => (await gets(name, "blob")).length));
    // Three blobs each; of those that were under way when it was killed some are asked for once more.
    const twice = fetched.filter((count) => count !== 3);
    expect(twice.length).toBeLessThanOrEqual(2);
    for (const { reference } of doneBefore) {
      const at = names.findIndex((name) => reference === `open/${name}:1`);
      expect(fetched[at]).toBe(3);
    }
  }, 120_000);
});

describe("an upstream that limits, or fails", () => {
  it("keeps the pulls that are reserved for clients, and says until when it waits", async () => {
    const name = repository("reserved");
    await fixture.image(name, "1");
    const headers = { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "5;w=21600" };
    // A client's pull tells of the limit.
    await fixture.fault({ match: { repository: name }, times: 1, do: { headers } });
    expect((await client.fetch(`basic/${name}/manifests/1`)).status).toBe(200);
    const other = repository("reserved-other");
    await fixture.image(other, "1");
    const id = await start([`basic/${other}:1`]);
    const job = await eventually(async () => {
      const now = await jobOf(id);
      expect(now.items[0]?.error).toContain("5 pulls are left, and 10 are reserved for clients");
      return now;
    });
    expect(job.items[0]).toMatchObject({ state: "waiting", nextAt: expect.any(String) });
    expect(await gets(other, "manifest")).toEqual([]);
    await api(cache, "DELETE", `prewarm/${id}`);
    await fixture.fault({
      match: { repository: name },
      times: 1,
      do: { headers: { ...headers, "ratelimit-remaining": "90;w=21600" } },
    });
    later(2 * 3_600_000);
    expect((await client.fetch(`basic/${name}/manifests/1`)).status).toBe(200);
  });

  it("is tried again later, and the image is here then", async () => {
    const name = repository("later");
    await fixture.image(name, "1");
    const fault = await fixture.fault({
      match: { repository: name },
      times: 0,
      do: { status: 503 },
    });
    const id = await start([`open/${name}:1`]);
    await eventually(async () =>
      expect((await jobOf(id)).items[0]).toMatchObject({
        state: "waiting",
        error: expect.stringContaining("503"),
      }),
    );
    await fixture.heal({ id: fault });
    later(10 * 60_000);
    await alarm();
    await ended(id);
  });
});

describe("a job", () => {
  it("that is cancelled begins nothing more", async () => {
    const names = Array.from({ length: 20 }, () => repository("cancelled"));
    await Promise.all(names.map((name) => fixture.image(name, "1")));
    const first = names[0] as string;
    await fixture.fault({
      match: { repository: first, kind: "manifest" },
      times: 1,
      do: { hold: first },
    });
    await fixture.fault({
      match: { repository: names[1] as string, kind: "manifest" },
      times: 1,
      do: { hold: names[1] as string },
    });
    const id = await start(names.map((name) => `open/${name}:1`));
    await fixture.held(first);
    const cancelled = (await (await api(cache, "DELETE", `prewarm/${id}`)).json()) as Job;
    expect(cancelled).toMatchObject({ state: "cancelled", counts: { cancelled: 20 } });
    await fixture.release(first);
    await fixture.release(names[1] as string);
    for (const name of names.slice(2)) expect(await requestsOf(name)).toEqual([]);
    expect((await jobOf(id)).state).toBe("cancelled");
  });

  it("of higher priority goes first", async () => {
    const held = repository("priority-held");
    await fixture.image(held, "1");
    const names = Array.from({ length: 12 }, () => repository("low"));
    const urgent = repository("high");
    await Promise.all([...names, urgent].map((name) => fixture.image(name, "1")));
    await fixture.fault({
      match: { repository: names[0] as string },
      times: 1,
      do: { hold: held },
    });
    await fixture.fault({
      match: { repository: names[1] as string },
      times: 1,
      do: { hold: `${held}2` },
    });
    const low = await start(names.map((name) => `open/${name}:1`));
    await fixture.held(held);
    await fixture.held(`${held}2`);
    const high = await start([`open/${urgent}:1`], { priority: 5 });
    await fixture.release(held);
    await fixture.release(`${held}2`);
    await ended(high);
    await ended(low);
    const all = await fixture.requests({});
    const at = (name: string) => all.findIndex((one) => one.repository === name);
    expect(at(urgent)).toBeLessThan(at(names[3] as string));
  });

  it("is shown and listed to viewers, and started and cancelled by admins only", async () => {
    const name = repository("listed");
    await fixture.image(name, "1");
    const id = await start([`open/${name}:1`]);
    await ended(id);
    const viewer = bearer(VIEWER);
    const listed = await api(cache, "GET", "prewarm?n=200&state=done", undefined, viewer);
    expect(((await listed.json()) as { jobs: Job[] }).jobs.map((job) => job.id)).toContain(id);
    const refused = [
      await api(cache, "POST", "prewarm", { references: ["open/x:1"] }, viewer),
      await api(cache, "DELETE", `prewarm/${id}`, undefined, viewer),
    ];
    expect(refused.map(({ status }) => status)).toEqual([403, 403]);
    expect((await api(cache, "GET", "prewarm/none")).status).toBe(404);
  });

  it.each([
    [{ references: [] }, "references: must name an image"],
    [{ references: ["UPPER/x"] }, 'reference: "UPPER/x" is not an image'],
    [{ references: ["open/x:1"], platforms: ["amd64"] }, "platforms[0]: must be a platform"],
    [{ references: ["open/x:1"], priority: 1000 }, "priority: must be 100 at most"],
    [{ references: ["open/x:1"], prio: 1 }, "prio: is not a field of a job"],
  ])("%j is refused", async (body, detail) => {
    const response = await api(cache, "POST", "prewarm", body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { detail: string }).detail).toContain(detail);
  });
});

describe("a rule's schedule", () => {
  it("starts one job at its time, with a repository's newest tags, and none while that runs", async () => {
    const name = repository("scheduled");
    for (const tag of ["v1.9", "v1.10", "v1.2", "other"])
      await fixture.image(name, tag, { layers: [tag.length * 10], seed: tag });
    const prewarm = [{ at: "05:30", repository: name, tags: "v*", newest: 2 }];
    const config = readConfig({
      RULES: [{ prefix: "open", upstream: fixture.url("open"), prewarm }],
    });
    const stub = PREWARM.get(PREWARM.idFromName("prewarm"));
    const begin = (now: string) =>
      runInDurableObject(stub, (_, { storage }) => {
        const database = new Sqlite(storage.sql);
        const next = beginScheduled(database, config, Date.parse(now));
        expect(next).toBe(Date.parse("2036-11-28T05:30:00Z"));
        return jobs
          .jobs(database, undefined, undefined, 10)
          .filter(({ createdBy }) => createdBy === 'the schedule of the rule "open"');
      });
    // What is seen for the first time is not begun for a time that is past.
    expect(await begin("2036-11-27T06:00:00Z")).toEqual([]);
    const next = "2036-11-28T05:30:00Z";
    const early = await runInDurableObject(stub, (_, { storage }) => {
      const database = new Sqlite(storage.sql);
      beginScheduled(database, config, Date.parse(next));
      beginScheduled(database, config, Date.parse(next) + 1_000);
      beginScheduled(database, config, Date.parse("2036-11-29T05:30:00Z")); // still at work
      // Begun by a clock that is ahead of the object's own.
      database.run("UPDATE items SET next_at = 0");
      return jobs.jobs(database, undefined, "running", 10);
    });
    expect(early).toHaveLength(1);
    await openPrewarm({ PREWARM }).tick(Date.now());
    await alarm();
    const job = await ended(early[0]?.id as string);
    expect(job.items.map(({ reference, state, note }) => [reference, state, note])).toEqual([
      [`open/${name}:v*`, "done", "2 tags"],
      [`open/${name}:v1.10`, "done", undefined],
      [`open/${name}:v1.9`, "done", undefined],
    ]);
    expect(await gets(name, "manifest")).toHaveLength(2);
  });
});

it("a client that asks for what is being prewarmed streams from the same fetch", async () => {
  const name = repository("joined");
  const size = 24 * MiB;
  const seed = seedOf(`${name}#0`);
  const { digest } = await fixture.image(name, "1", { layers: [size] });
  const layer = (await fixture.blob(name, { seed, size })).digest;
  await fixture.fault({ match: { repository: name, reference: layer }, times: 1, do: {} });
  await fixture.fault({
    match: { repository: name, reference: layer },
    times: 1,
    do: { hold: name, after: 1_000 },
  });
  const id = await start([`open/${name}@${digest}`]);
  await fixture.held(name);
  const response = await client.fetch(`open/${name}/blobs/${layer}`);
  expect(response.headers.get("cache-status")).toContain("collapsed");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await readSome(reader, 8 * MiB);
  await reader.cancel();
  await fixture.release(name);
  await ended(id);
  expect(await receive(client.fetch(`open/${name}/blobs/${layer}`))).toMatchObject({
    digest: layer,
  });
});
