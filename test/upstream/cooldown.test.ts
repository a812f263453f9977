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
    { title: "503", fault: { status: 503 }, status: 503, count: 3 },
    { title: "hanging up", fault: { reset: true as const }, status: 502, count: 3 },
    { title: "not answering", fault: { hold: "cooldown-hold" }, status: 504, count: 1 },
  ])(
    "of $title: the upstream is not asked again, and the answer says for how long",
    async ({ fault, status, count }) => {
      const name = await images("failing", 12);
      // Where it answers at all, a slow machine may take its time.
      const cache = cacheApart({ firstByteTimeout: status === 504 ? "1s" : "10s" });
      await fixture.fault({ match: { repository: name }, times: 0, do: fault });
      for (let at = 0; at < 12; at++) {
        const problem = await problemOf(cache.fetch(`open/${name}/manifests/${at}`));
        expect(problem.status).toBe(status);
        if (at >= 3) expect(Number(problem.headers.get("retry-after"))).toBeGreaterThan(0);
      }
      expect(await countOf(name)).toBe(count);
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

  it("that miss the deadline pause the repository for some seconds, and no other", async () => {
    const [name, other] = [await images("slow", 2), await images("not-slow", 1)];
    const cache = cacheApart({ firstByteTimeout: "300ms" });
    await fixture.fault({ match: { repository: name }, times: 0, do: { hold: name } });
    expect((await problemOf(cache.fetch(`open/${name}/manifests/0`))).status).toBe(504);
    const again = await problemOf(cache.fetch(`open/${name}/manifests/1`));
    expect(again).toMatchObject({ status: 504, code: "UNAVAILABLE" });
    expect(Number(again.headers.get("retry-after"))).toBeGreaterThanOrEqual(9);
    expect(await countOf(name)).toBe(1);
    expect((await receive(cache.fetch(`open/${other}/manifests/0`))).status).toBe(200);
    await fixture.heal({ repository: name });
    await fixture.release(name);
    later(13_000);
    expect((await receive(cache.fetch(`open/${name}/manifests/1`))).status).toBe(200);
  });

  it("of one broken repository do not affect the others, for any number of requests", async () => {
    const [broken, other] = [await images("broken", 30), await images("well", 10)];
    const cache = cacheApart();
    later(0); // the clock stands still: however slow the machine is, no pause ends
    await fixture.fault({ match: { repository: broken }, times: 0, do: { status: 500 } });
    for (let at = 0; at < 10; at++) {
      for (let more = 0; more < 3; more++) {
        await problemOf(cache.fetch(`open/${broken}/manifests/${at * 3 + more}`));
      }
      expect((await receive(cache.fetch(`open/${other}/manifests/${at}`))).status).toBe(200);
    }
    expect(await countOf(broken)).toBe(3);
  });

  it("of several repositories are the upstream's: failed names pause at once, and others are still requested", async () => {
    later(0); // the clock stands still: however slow the machine is, no pause ends
    const hints = ["one", "two", "three", "four", "well"];
    const names = await Promise.all(hints.map((hint) => images(hint, 2)));
    const cache = cacheApart();
    const broken = names.slice(0, 4);
    for (const name of broken)
      await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    for (const tag of [0, 1])
      for (const name of broken) await problemOf(cache.fetch(`open/${name}/manifests/${tag}`));
    expect(await Promise.all(broken.map(countOf))).toEqual([1, 1, 1, 1]);
    // Lists are slow or broken by themselves: they do not probe.
    const well = names[4] as string;
    expect((await problemOf(cache.fetch(`open/${well}/tags/list`))).status).toBe(503);
    expect((await receive(cache.fetch(`open/${well}/manifests/0`))).status).toBe(200);
    expect((await receive(cache.fetch(`open/${well}/tags/list`))).status).toBe(200);
  });

  it("of several repositories to answer in time: one name at a time asks, and the others hear at once", async () => {
    later(0);
    const names = await Promise.all(Array.from({ length: 9 }, (_, at) => images(`hangs-${at}`, 1)));
    const cache = cacheApart({ firstByteTimeout: "1s" });
    for (const name of names)
      await fixture.fault({
        match: { repository: name },
        times: 0,
        do: { hold: names[0] as string },
      });
    const pull = (name: string) => problemOf(cache.fetch(`open/${name}/manifests/0`));
    for (const name of names.slice(0, 3)) expect((await pull(name)).status).toBe(504);
    const rest = await Promise.all(names.slice(3).map(pull));
    expect(rest.map(({ status }) => status)).toEqual(Array(6).fill(504));
    const counts = await Promise.all(names.map(countOf));
    expect(counts.slice(0, 3)).toEqual([1, 1, 1]);
    expect(counts.slice(3).reduce((sum, count) => sum + count)).toBeLessThanOrEqual(1);
    await fixture.release(names[0] as string);
  });

  it("of a list pause lists only", async () => {
    const name = await images("list-fails", 1);
    const cache = cacheApart({ firstByteTimeout: "300ms" });
    await fixture.fault({
      match: { repository: name, kind: "tags" },
      times: 0,
      do: { hold: name },
    });
    for (let at = 0; at < 4; at++)
      await problemOf(cache.fetch(`open/${name}/tags/list?n=${at + 1}`));
    expect((await receive(cache.fetch(`open/${name}/manifests/0`))).status).toBe(200);
  });

  it("of one request among successes begin no pause", async () => {
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

  it("do not end running transfers, which have a deadline of their own", async () => {
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

describe("an answer of the token service", () => {
  it("of 429 always says when to come again, and is heeded", async () => {
    const name = await images("token-429", 3);
    const cache = cacheApart();
    const match = { repository: name, kind: "token" as const };
    await fixture.fault({ match, do: { status: 429 } });
    for (let at = 0; at < 3; at++) {
      const problem = await problemOf(cache.fetch(`bearer/${name}/manifests/${at}`));
      expect(problem).toMatchObject({ status: 429, code: "TOOMANYREQUESTS" });
      expect(Number(problem.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect(await fixture.requests({ repository: name, kind: "token" })).toHaveLength(1);
  });

  it("that refuses a login ends a cooldown: it is an answer, and all hear it", async () => {
    const name = `private/${await images("token-refuses", 6)}`;
    for (let at = 0; at < 6; at++) await fixture.image(name, String(at), { seed: `${name}-${at}` });
    const cache = cacheApart();
    await fixture.fault({
      match: { repository: name, server: "bearer" },
      times: 3,
      do: { status: 503 },
    });
    const pull = (at: number) => problemOf(cache.fetch(`robot/${name}/manifests/${at}`));
    for (let at = 0; at < 3; at++) expect((await pull(at)).status).toBe(503);
    await fixture.revoke(name);
    const match = { repository: name, kind: "token" as const };
    const id = await fixture.fault({ match, times: 0, do: { status: 401 } });
    later(60_000);
    for (let at = 3; at < 6; at++) expect((await pull(at)).status).toBe(401);
    await fixture.heal({ id });
    later(6_000);
    expect((await receive(cache.fetch(`robot/${name}/manifests/3`))).status).toBe(200);
  });

  it("is not repeated to clients", async () => {
    const name = await images("token-echo", 1);
    const cache = cacheApart();
    const body = JSON.stringify({
      errors: [{ code: "X", message: "username=robot&password=s3cret%2Dof" }],
    });
    await fixture.fault({
      match: { repository: name, kind: "token" },
      times: 0,
      do: { status: 401, body },
    });
    const problem = await problemOf(cache.fetch(`robot/${name}/manifests/0`));
    expect(problem.status).toBe(401);
    expect(problem.message).not.toMatch(/password|s3cret/);
  });
});

it("what the upstream says of one repository is not told to another's clients", async () => {
  const [name, other] = [await images("told", 1), await images("not-told", 1)];
  const cache = cacheApart();
  const body = JSON.stringify({
    errors: [{ code: "X", message: "the quota of that team is used up" }],
  });
  await fixture.fault({ match: { repository: name }, times: 0, do: { status: 429, body } });
  const digest = (await fixture.image(name, undefined)).digest;
  const own = await problemOf(cache.fetch(`open/${name}/manifests/${digest}`));
  expect(own.message).toContain("the quota of that team");
  expect((await receive(cache.fetch(`open/${other}/manifests/0`))).status).toBe(200);
  // Of several names it is the upstream's.
  for (const hint of ["told-too", "told-as-well"]) {
    const more = await images(hint, 1);
    await fixture.fault({ match: { repository: more }, times: 0, do: { status: 429, body } });
    await problemOf(cache.fetch(`open/${more}/manifests/0`));
  }
  const last = await images("not-told-either", 1);
  const others = await problemOf(cache.fetch(`open/${last}/tags/list`));
  expect(others).toMatchObject({ status: 429 });
  expect(others.message).not.toContain("quota");
});

it("a CDN that fails is not the registry: manifests go on, and the answer says whose failure it was", async () => {
  const name = repository("cdn-fails");
  const image = await fixture.image(name, "1", { layers: [10, 20, 30, 40] });
  const cache = cacheApart();
  const match = { repository: name, kind: "blob" as const };
  await fixture.fault({ match: { ...match, server: "open" }, times: 0, do: { redirect: "cdn" } });
  await fixture.fault({ match: { ...match, server: "cdn" }, times: 0, do: { status: 503 } });
  for (const { digest } of image.layers) {
    const problem = await problemOf(cache.fetch(`open/${name}/blobs/${digest}`));
    expect(problem).toMatchObject({ status: 503 });
    expect(problem.message).toContain("storage answered 503");
  }
  expect((await receive(cache.fetch(`open/${name}/manifests/1`))).status).toBe(200);
});

it("storage that cannot be reached is not the registry either", async () => {
  const name = repository("cdn-gone");
  const image = await fixture.image(name, "1", { layers: [10, 20, 30, 40] });
  const cache = cacheApart();
  const match = { repository: name, kind: "blob" as const };
  await fixture.fault({ match, times: 0, do: { redirect: "http://127.0.0.1:1/gone" } });
  for (const { digest } of image.layers) {
    const problem = await problemOf(cache.fetch(`open/${name}/blobs/${digest}`));
    expect(problem).toMatchObject({ status: 502 });
    expect(problem.message).toContain("storage could not be reached");
  }
  expect((await receive(cache.fetch(`open/${name}/manifests/1`))).status).toBe(200);
});

describe("an upstream that redirects everything", () => {
  async function redirected(hint: string) {
    const name = await images(hint, 8);
    const to = {
      match: { repository: name, server: "open" as const },
      times: 0,
      do: { redirect: "cdn" },
    };
    return { name, cache: cacheApart(), to };
  }

  it("recovers as soon as its front does", async () => {
    const { name, cache, to } = await redirected("front");
    await fixture.fault({ match: { repository: name }, times: 3, do: { status: 500 } });
    await fixture.fault(to);
    for (let at = 0; at < 3; at++) await problemOf(cache.fetch(`open/${name}/manifests/${at}`));
    later(60_000);
    for (let at = 0; at < 8; at++) {
      expect((await receive(cache.fetch(`open/${name}/manifests/${at}`))).status).toBe(200);
    }
  });

  it("is left alone when what it leads to answers 429", async () => {
    const { name, cache, to } = await redirected("back");
    await fixture.fault(to);
    const match = { repository: name, server: "cdn" as const };
    await fixture.fault({ match, times: 0, do: { status: 429 } });
    for (let at = 0; at < 8; at++) {
      expect((await problemOf(cache.fetch(`open/${name}/manifests/${at}`))).status).toBe(429);
    }
    expect(await fixture.requests({ repository: name, server: "cdn" })).toHaveLength(1);
  });
});
