import { expect, it } from "vitest";
import { Budget } from "../../src/fill/budget.ts";

it("lends up to its limit, and then as leases come back, first come first served", async () => {
  const budget = new Budget(100);
  const first = await budget.lease(60, 60_000);
  const order: string[] = [];
  const large = budget.lease(60, 60_000).then((lease) => {
    order.push("large");
    return lease;
  });
  const small = budget.lease(30, 60_000).then((lease) => {
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
  const budget = new Budget(100);
  await budget.lease(100, 50); // never given back, as by an object that was aborted
  (await budget.lease(100, 60_000)).release();
  expect(budget.lent).toBe(0);
});

it("keeps the lease of a slow holder that shows itself", async () => {
  const budget = new Budget(100);
  const slow = await budget.lease(100, 200);
  let granted = false;
  const waiting = budget.lease(1, 60_000).then((lease) => {
    granted = true;
    return lease;
  });
  for (let at = 0; at < 10; at++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    slow.touch();
  }
  expect(granted).toBe(false);
  slow.shrink(99);
  (await waiting).release();
});
