// Promise 3, a fill outlives its client: what is stored is kept, and what is missing is asked for from there on.

import { abortAllDurableObjects, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { seedOf } from "../support/fixture.ts";
import { coverOnce, MiB, readSome, receive, stretches } from "../support/transfers.ts";

const SEGMENT = 8 * MiB;
const SIZE = 4 * SEGMENT + 5;
/** One connection, so that the order of requests is known. */
const cache = new Cache({
  RULES: [{ prefix: "one", upstream: fixture.url("open"), connections: 1 }],
});

const fills = (env as unknown as Env).BLOB_FILL;
const stubOf = (digest: string) => fills.get(fills.idFromName(digest));

async function blob(hint: string, size = SIZE) {
  const name = repository(hint);
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size });
  return {
    name,
    digest,
    path: `one/${name}/blobs/${digest}`,
    match: { repository: name, kind: "blob" } as const,
  };
}

/** Begins a pull that is held at its third segment, with two segments received. */
async function heldAtThird(hint: string) {
  const cold = await blob(hint);
  await fixture.fault({ match: cold.match, times: 2, do: {} });
  await fixture.fault({ match: cold.match, do: { hold: cold.name, after: 1000 } });
  const response = await cache.fetch(cold.path);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await readSome(reader, 2 * SEGMENT);
  await fixture.held(cold.name);
  return { ...cold, reader };
}

const blobRequests = (name: string) =>
  fixture.requests({ repository: name, kind: "blob", method: "GET" });

it("goes on when its only client leaves", async () => {
  const { name, digest, path, reader } = await heldAtThird("left");
  await reader.cancel();
  await fixture.release(name);
  await runDurableObjectAlarm(stubOf(digest)); // holds the object until the fill has ended
  expect(await receive(cache.fetch(path))).toMatchObject({
    digest,
    cacheStatus: expect.stringMatching(/^entrepot-(r2|edge); hit$/),
  });
  expect(coverOnce(await blobRequests(name), SIZE)).toBe(true);
});

describe("when the object is killed in mid-fill", () => {
  it("the next request resumes at the first missing segment", async () => {
    const { name, digest, path } = await heldAtThird("killed");
    await abortAllDurableObjects();
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
    const requests = stretches((await blobRequests(name)).slice(3), SIZE);
    expect(requests[0]).toEqual([2 * SEGMENT, 3 * SEGMENT - 1]);
    expect(requests).toHaveLength(3);
  });

  it("the alarm resumes without any request", async () => {
    const { name, digest, path } = await heldAtThird("alarmed");
    await abortAllDurableObjects();
    expect(await runDurableObjectAlarm(stubOf(digest))).toBe(true);
    const requests = (await blobRequests(name)).length;
    expect(requests).toBe(6);
    expect(await receive(cache.fetch(path))).toMatchObject({
      digest,
      cacheStatus: expect.stringMatching(/^entrepot-(r2|edge); hit$/),
    });
    expect(await blobRequests(name)).toHaveLength(requests);
  });

  it("a client that was following goes on following", async () => {
    const { name, reader } = await heldAtThird("followed");
    await abortAllDurableObjects();
    await fixture.release(name);
    expect(await readSome(reader, SIZE)).toBe(SIZE - 2 * SEGMENT);
  });

  it.each([
    { title: "has no ranges any more", times: 0, fault: { ignoreRange: true } },
    { title: "answers with another offset", times: 0, fault: { wrongOffset: true } },
    { title: "answers with another length", times: 1, fault: { wrongTotal: true } },
  ] as const)("it starts over where the upstream $title", async ({ times, fault }) => {
    const { name, digest, path } = await heldAtThird("restarted");
    await abortAllDurableObjects();
    await fixture.fault({ match: { repository: name, ranged: true }, times, do: fault });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
  });

  it("leaves nothing of an attempt that it gave up, and an object that is empty", async () => {
    const { name, digest, path } = await heldAtThird("tidy");
    await abortAllDurableObjects();
    await fixture.fault({
      match: { repository: name, ranged: true },
      times: 0,
      do: { ignoreRange: true },
    });
    await receive(cache.fetch(path));
    await runDurableObjectAlarm(stubOf(digest));
    const { objects } = await (env as unknown as Env).BLOBS.list({
      prefix: `blobs/sha256/${digest.slice(7)}`,
    });
    expect(objects.map(({ size }) => size).sort()).toEqual([5, SEGMENT, SEGMENT, SEGMENT, SEGMENT]);
    expect(await runDurableObjectAlarm(stubOf(digest))).toBe(false);
  });
});

describe("when the upstream's connection breaks in mid-body", () => {
  it.each([
    { title: "of a small blob", size: 5000, fault: { cutAfter: 1234 } },
    { title: "of a large blob", size: SIZE, fault: { cutAfter: 3_000_000 } },
  ])("$title it is resumed by range from the byte where it broke", async ({ size, fault }) => {
    const { name, digest, path, match } = await blob("cut", size);
    await fixture.fault({ match, do: fault });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
    const [, second] = await blobRequests(name);
    expect(second?.range).toMatch(new RegExp(`^bytes=${fault.cutAfter}-`));
  });

  it("where it has no ranges until then, the rest is fetched by ranges", async () => {
    const { name, digest, path, match } = await blob("cut-whole");
    await fixture.fault({ match, do: { ignoreRange: true, cutAfter: SEGMENT + 17 } });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
    const [, second] = await blobRequests(name);
    expect(second?.range).toBe(`bytes=${SEGMENT + 17}-${2 * SEGMENT - 1}`);
  });

  it("where it has no ranges at all, the next attempt starts from zero", async () => {
    const { name, digest, path, match } = await blob("cut-no-ranges", 5000);
    await fixture.fault({ match, do: { ignoreRange: true, cutAfter: 100 } });
    await fixture.fault({ match, times: 0, do: { ignoreRange: true } });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
    expect((await blobRequests(name)).length).toBeLessThanOrEqual(3);
  });

  it("a bounded number of times", async () => {
    const { name, path, match } = await blob("cut-always", 5_000_000);
    await fixture.fault({ match, times: 0, do: { cutAfter: 10 } });
    expect((await cache.fetch(path)).status).toBe(502);
    expect((await blobRequests(name)).length).toBeLessThan(10);
  });

  it("and what was stored is there for the next request", async () => {
    const { name, digest, path, match } = await blob("gave-up");
    await fixture.fault({ match, times: 2, do: {} });
    await fixture.fault({ match, times: 0, do: { reset: true } });
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: false });
    await fixture.heal({ repository: name });
    const before = (await blobRequests(name)).length;
    expect(await receive(cache.fetch(path))).toMatchObject({ whole: true, digest });
    expect(stretches((await blobRequests(name)).slice(before), SIZE)[0]?.[0]).toBe(2 * SEGMENT);
  });
});

it("an upstream that falls silent in mid-body is asked again from there", async () => {
  const impatient = new Cache({
    RULES: [
      { prefix: "one", upstream: fixture.url("open"), connections: 1, silenceTimeout: "300ms" },
    ],
  });
  const { name, digest, path, match } = await blob("silent", 5000);
  await fixture.fault({ match, do: { hold: name, after: 77 } });
  expect(await receive(impatient.fetch(path))).toMatchObject({ whole: true, digest });
  const [, second] = await blobRequests(name);
  expect(second?.range).toMatch(/^bytes=77-/);
});
