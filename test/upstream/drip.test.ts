// Answers that drip: they delay clients for a bounded time, and end when the upstream recovers.

import { describe, expect, it } from "vitest";
import { readBounded, TimedBody } from "../../src/upstream/client/body.ts";
import { problemOf } from "../http/problem.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { receive } from "../support/transfers.ts";

/** A byte now and then, without an end. */
function dripping(pause: number): Response {
  let timer: ReturnType<typeof setInterval> | undefined;
  const stream = new ReadableStream({
    type: "bytes",
    start(controller: ReadableByteStreamController) {
      timer = setInterval(() => controller.enqueue(new Uint8Array(1)), pause);
    },
    cancel() {
      clearInterval(timer);
    },
  });
  return new Response(stream);
}

it("a small body has one deadline", async () => {
  const bounds = { bytes: 1000, silence: 1000, time: 150, host: "up.example" };
  await expect(readBounded(dripping(20), bounds)).rejects.toMatchObject({
    status: 504,
    message: "up.example did not complete its answer within 150 ms",
  });
});

it("a transfer below the lowest rate counts as silent", async () => {
  const abort = new AbortController();
  const response = dripping(20);
  const stopped = new Promise<never>((_, reject) => {
    abort.signal.addEventListener("abort", () => reject(new Error("aborted")));
  });
  const body = new TimedBody(response, { silence: 300, host: "up.example", abort });
  const partial = { buffer: new Uint8Array(1000), have: 0 };
  await expect(Promise.race([body.fill(partial), stopped])).rejects.toThrow();
  expect(abort.signal.aborted).toBe(true);
  expect(partial.have).toBeGreaterThan(0);
});

const slow = { bytesPerSecond: 5 };
const fields = { firstByteTimeout: "400ms", silenceTimeout: "300ms" };

describe("an upstream whose answers drip: 504 in time, and 200 once it recovers", () => {
  it.each([
    { title: "a manifest", prefix: "open", request: "digest", match: { kind: "manifest" } },
    { title: "a tag's manifest", prefix: "open", request: "tag", match: { kind: "manifest" } },
    { title: "a small blob", prefix: "open", request: "blob", match: { kind: "blob" } },
    { title: "a tag list", prefix: "open", request: "tags", match: { kind: "tags" } },
    { title: "a token", prefix: "bearer", request: "blob", match: { kind: "token" } },
  ] as const)("$title", async ({ prefix, request, match }) => {
    const name = repository("drips");
    const image = await fixture.image(name, "1");
    const paths = {
      tag: "manifests/1",
      digest: `manifests/${image.digest}`,
      blob: `blobs/${image.layers[0]?.digest}`,
      tags: "tags/list",
    };
    const cache = cacheApart(fields);
    await fixture.fault({ match: { repository: name, ...match }, times: 0, do: slow });
    const problem = await problemOf(cache.fetch(`${prefix}/${name}/${paths[request]}`));
    expect(problem).toMatchObject({ status: 504, code: "UNAVAILABLE" });
    await fixture.heal({ repository: name });
    // The running fill ends by itself: clients wait for it no longer than for a new one.
    await fixture.idle(name);
    expect((await receive(cache.fetch(`${prefix}/${name}/${paths[request]}`))).status).toBe(200);
  });

  it("a small blob that stalls is 504 to the waiting client, and is still fetched", async () => {
    const name = repository("stalls");
    const { digest } = await fixture.blob(name, { seed: 3, size: 300_000 });
    const cache = cacheApart({ firstByteTimeout: "300ms", silenceTimeout: "2s" });
    await fixture.fault({ match: { repository: name }, do: { hold: name, after: 1000 } });
    const problem = await problemOf(cache.fetch(`open/${name}/blobs/${digest}`));
    expect(problem).toMatchObject({ status: 504, code: "UNAVAILABLE" });
    await fixture.release(name);
    expect(await receive(cache.fetch(`open/${name}/blobs/${digest}`))).toMatchObject({ digest });
    expect(await fixture.requests({ repository: name, kind: "blob" })).toHaveLength(1);
  });

  it("a small blob that arrives slowly is waited for", async () => {
    const name = repository("slow");
    const { digest } = await fixture.blob(name, { seed: 4, size: 3_000_000 });
    const cache = cacheApart({ firstByteTimeout: "1s" });
    await fixture.fault({ match: { repository: name }, do: { bytesPerSecond: 1_500_000 } });
    expect(await receive(cache.fetch(`open/${name}/blobs/${digest}`))).toMatchObject({ digest });
  });
});
