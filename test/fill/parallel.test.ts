// Large blobs over several connections: still one fetch of every byte.

import { describe, expect, it } from "vitest";
import { budget } from "../../src/fill/blob/budget.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { seedOf } from "../support/fixture.ts";
import { coverOnce, MiB, receive } from "../support/transfers.ts";

/** Seven segments: each connection finds another one to fetch while the last of them is being opened. */
const SIZE = 50 * MiB + 3;

async function pull(connections: number) {
  const cache = new Cache({ RULES: [{ prefix: "p", upstream: fixture.url("open"), connections }] });
  const name = repository("parallel");
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size: SIZE });
  const slow = { hold: name, after: 100, bytesPerSecond: 40 * MiB };
  await fixture.fault({ match: { repository: name, method: "GET" }, times: 0, do: slow });
  const receiving = receive(cache.fetch(`p/${name}/blobs/${digest}`));
  // However slow the machine is, all are open at once; one that is too many would be open beside them.
  await fixture.held(name, connections);
  await fixture.release(name);
  const received = await receiving;
  expect(received).toMatchObject({ whole: true, digest });
  expect(coverOnce(await fixture.requests({ repository: name }), SIZE)).toBe(true);
  return fixture.concurrent(name);
}

describe("as many connections as the rule allows", () => {
  it.each([1, 2, 4])("%i", async (connections) => {
    expect(await pull(connections)).toBe(connections);
  });
});

it("the buffers of many fills at once stay within one budget", async () => {
  const cache = new Cache();
  const digests = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const name = repository("budget");
      const { digest } = await fixture.blob(name, { seed: seedOf(name), size: 24 * MiB });
      return { digest, received: await receive(cache.fetch(`open/${name}/blobs/${digest}`)) };
    }),
  );
  for (const { digest, received } of digests)
    expect(received).toMatchObject({ whole: true, digest });
  expect(budget.peak).toBeGreaterThan(32 * MiB);
  expect(budget.peak).toBeLessThanOrEqual(64 * MiB);
  expect(budget.lent).toBe(0);
});
