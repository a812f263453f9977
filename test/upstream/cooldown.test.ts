// An upstream that fails is left alone for a while, and noticed when it is well again; how much of a rate limit is left is
// known; and nothing of it is stuck.

import { afterEach, describe, expect, it, vi } from "vitest";
import { problemOf } from "../http/problem.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { receive } from "../support/transfers.ts";

afterEach(() => vi.useRealTimers());

function later(time: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + time });
}

async function images(hint: string, count: number) {
  const name = repository(hint);
  for (let at = 0; at < count; at++)
    await fixture.image(name, String(at), { seed: `${name}-${at}` });
  return name;
}

const countOf = async (name: string) => (await fixture.requests({ repository: name })).length;

describe("repeated failures", () => {
  it.each([
    ["503", { status: 503 }, 503],
    ["hanging up", { reset: true as const }, 502],
    ["not answering", { hold: "cooldown-hold" }, 504],
  ])(
    "of %s: the upstream is not asked again, and the answer says for how long",
    async (_, fault, status) => {
      const name = await images("failing", 12);
      const cache = cacheApart({ firstByteTimeout: "300ms" });
      await fixture.fault({ match: { repository: name }, times: 0, do: fault });
      for (let at = 0; at < 12; at++) {
        const problem = await problemOf(cache.fetch(`open/${name}/manifests/${at}`));
        expect(problem.status).toBe(status);
        if (at >= 3) expect(Number(problem.headers.get("retry-after"))).toBeGreaterThan(0);
      }
      expect(await countOf(name)).toBe(3);
      await fixture.heal({ repository: name });
      await fixture.release("cooldown-hold");
      // It is well again: the first to come is the probe, and then all may ask.
      later(60_000);
      const pulls = Array.from({ length: 12 }, (_, at) =>
        receive(cache.fetch(`open/${name}/manifests/${at}`)),
      );
      const [probe] = await Promise.all(pulls);
      expect(probe?.status).toBe(200);
      for (let at = 0; at < 12; at++) {
        expect((await receive(cache.fetch(`open/${name}/manifests/${at}`))).status).toBe(200);
      }
    },
  );

  it("of one thing among others that go well are no reason", async () => {
    const name = await images("one-fails", 8);
    const cache = cacheApart();
    await fixture.fault({
      match: { repository: name, reference: "0" },
      times: 0,
      do: { status: 500 },
    });
    for (let at = 1; at < 8; at++) {
      await problemOf(cache.fetch(`open/${name}/manifests/0`));
      expect((await receive(cache.fetch(`open/${name}/manifests/${at}`))).status).toBe(200);
    }
  });

  it("let one probe through, while the others are told what they were", async () => {
    const name = await images("probed", 10);
    const cache = cacheApart();
    await fixture.fault({ match: { repository: name }, times: 3, do: { status: 503 } });
    for (let at = 0; at < 3; at++) await problemOf(cache.fetch(`open/${name}/manifests/${at}`));
    later(60_000);
    await fixture.fault({ match: { repository: name }, times: 0, do: { hold: name } });
    const probe = receive(cache.fetch(`open/${name}/manifests/3`));
    await fixture.held(name);
    for (let at = 4; at < 10; at++) {
      expect((await problemOf(cache.fetch(`open/${name}/manifests/${at}`))).status).toBe(503);
    }
    expect(await countOf(name)).toBe(4);
    await fixture.heal({ repository: name });
    await fixture.release(name);
    expect((await probe).status).toBe(200);
  });

  it("do not concern what is on its way: a transfer has its own patience", async () => {
    const name = repository("transfer");
    const { digest } = await fixture.blob(name, { seed: 99, size: 3_000_000 });
    const cache = cacheApart({ connections: 1 });
    await fixture.fault({ match: { repository: name, kind: "blob" }, do: { cutAfter: 1_000_000 } });
    await fixture.fault({
      match: { repository: name, kind: "blob" },
      times: 3,
      do: { status: 503 },
    });
    expect(await receive(cache.fetch(`open/${name}/blobs/${digest}`))).toMatchObject({
      whole: true,
      digest,
    });
    const other = await images("after-transfer", 1);
    expect((await receive(cache.fetch(`open/${other}/manifests/0`))).status).toBe(200);
  });
});

describe("a 429", () => {
  it("stops all at once for as long as it says, and is over then", async () => {
    const name = await images("limited", 6);
    const cache = cacheApart();
    const fault = { status: 429, headers: { "retry-after": "20" } };
    await fixture.fault({ match: { repository: name }, do: fault });
    for (let at = 0; at < 5; at++) {
      const problem = await problemOf(cache.fetch(`open/${name}/manifests/${at}`));
      expect(problem).toMatchObject({ status: 429, code: "TOOMANYREQUESTS" });
      expect(Number(problem.headers.get("retry-after"))).toBeLessThanOrEqual(25);
    }
    expect(await countOf(name)).toBe(1);
    later(25_000);
    expect((await receive(cache.fetch(`open/${name}/manifests/0`))).status).toBe(200);
  });

  it("of the limit on pulls: what is cached goes on being checked by HEAD, which is free", async () => {
    const name = await images("pulls", 4);
    const cache = cacheApart({ tagTtl: "1m" });
    await fixture.rateLimit({ server: "open", repository: name, limit: 100, remaining: 1 });
    expect((await receive(cache.fetch(`open/${name}/manifests/0`))).status).toBe(200);
    for (let at = 1; at < 4; at++) {
      const problem = await problemOf(cache.fetch(`open/${name}/manifests/${at}`));
      expect(problem).toMatchObject({ status: 429, code: "TOOMANYREQUESTS" });
      expect(problem.headers.get("retry-after")).toBe("21600");
    }
    const gets = await fixture.requests({ repository: name, method: "GET" });
    expect(gets.map(({ reference }) => reference)).toHaveLength(2);
    later(2 * 60_000);
    const fresh = await cache.fetch(`open/${name}/manifests/0`);
    expect(fresh.status).toBe(200);
    expect(fresh.headers.get("warning")).toBeNull();
    // The HEAD that checked it tells when there are pulls again.
    await fixture.rateLimit({ server: "open", repository: name, limit: 100, remaining: 50 });
    later(2 * 60_000);
    await receive(cache.fetch(`open/${name}/manifests/0`));
    expect((await receive(cache.fetch(`open/${name}/manifests/1`))).status).toBe(200);
  });

  it("is one upstream's: others are asked as ever", async () => {
    const name = await images("own", 2);
    const [cache, other] = [cacheApart(), cacheApart()];
    await fixture.fault({ match: { repository: name }, do: { status: 429 } });
    await problemOf(cache.fetch(`open/${name}/manifests/0`));
    expect((await receive(other.fetch(`open/${name}/manifests/0`))).status).toBe(200);
  });
});
