// The budget of buffers: who gets a lease, when, and what happens to those who are gone.

import { expect, it, vi } from "vitest";
import { BUDGET, Budget } from "../../src/fill/blob/budget.ts";

const MiB = 1024 * 1024;
const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

it("lends up to its limit, and then as leases come back, first come first served", async () => {
  const budget = new Budget(100);
  const first = await budget.lease(60, "small");
  const order: string[] = [];
  const large = budget.lease(60, "small").then((lease) => {
    order.push("large");
    return lease;
  });
  const small = budget.lease(30, "small").then((lease) => {
    order.push("small");
    return lease;
  });
  expect(budget.lent).toBe(60);
  first.release();
  (await large).release();
  (await small).release();
  expect(order).toEqual(["large", "small"]);
  expect(budget.lent).toBe(0);
  expect(budget.peak).toBeLessThanOrEqual(100);
});

it("takes back the lease of a holder that is gone", async () => {
  const budget = new Budget(100, 3600_000, 50);
  await budget.lease(100, "small"); // never given back, as by an object that was aborted
  (await budget.lease(100, "small")).release();
  expect(budget.lent).toBe(0);
});

it("keeps the lease of a slow holder that shows itself", async () => {
  const budget = new Budget(100, 20, 200);
  const slow = await budget.lease(100, "small");
  let granted = false;
  const waiting = budget.lease(1, "small").then((lease) => {
    granted = true;
    return lease;
  });
  await pause(500);
  expect(granted).toBe(false);
  slow.release();
  (await waiting).release();
});

it("after all holders stalled at once, each one still gets a lease", async () => {
  const budget = new Budget(100);
  const held = await budget.lease(100, "small");
  const waiting = [1, 2, 3].map(() => budget.lease(100, "small"));
  await pause(30);
  const now = Date.now();
  const clock = vi.spyOn(Date, "now").mockReturnValue(now + 60_000); // the machine slept
  await pause(30);
  clock.mockRestore();
  held.release();
  for (const lease of waiting) (await lease).release();
  expect(budget.lent).toBe(0);
});

it("further connections leave room for first ones, and segments for small blobs", async () => {
  const budget = new Budget(BUDGET);
  const lease = (purpose: "small" | "first" | "extra") =>
    budget.lease(purpose === "small" ? MiB : 8 * MiB, purpose, 30).then(
      () => true,
      () => false,
    );
  const got: Record<string, number> = { extra: 0, first: 0, small: 0 };
  for (const purpose of ["extra", "first", "small"] as const) {
    while (await lease(purpose)) got[purpose] = (got[purpose] ?? 0) + 1;
  }
  expect(got).toEqual({ extra: 4, first: 3, small: 8 });
  await expect(budget.lease(MiB, "small", 30)).rejects.toMatchObject({ status: 503 });
});

it("grows a lease without holding both", async () => {
  const budget = new Budget(BUDGET);
  const lease = await budget.lease(MiB, "small");
  await lease.grow(8 * MiB, 1000);
  expect(budget.lent).toBe(8 * MiB);
  lease.release();
  expect(budget.lent).toBe(0);
});

it.each(["small", "first"] as const)(
  "leases of one origin that never come back, as where answers drip, leave others a place: %s",
  async (purpose) => {
    const budget = new Budget(BUDGET);
    const lease = (owner: string) => budget.lease(MiB, purpose, 60, owner).catch(() => undefined);
    let held = 0;
    while (await lease("evil.example")) held += 1;
    expect(held).toBe(48);
    const waiting = [1, 2, 3].map(() => budget.lease(MiB, purpose, 2000, "evil.example"));
    // And they wait behind nothing that cannot be given.
    for (let at = 0; at < 8; at++) expect(await lease("good.example")).toBeDefined();
    await Promise.allSettled(waiting);
  },
);
