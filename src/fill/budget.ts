// The buffers of all fills in one isolate share one budget. An isolate has 128 MB for everything, and several
// Durable Objects may live in one: so the budget is the module's, not an object's.

import { RegistryError } from "../oci/error.ts";

export const BUDGET = 64 * 1024 * 1024;

/** How often a waiter looks, in ms. Waiters look by timers of their own: an object that was aborted runs no
 * `finally` (PLATFORM), and a promise that it should have resolved would hang the others. */
const LOOK = 10;
/** A waiter that has not looked for so long is gone, in ms. */
const GONE = 2000;

export class Lease {
  readonly #budget: Budget;
  readonly #patience: number;
  bytes: number;
  expiresAt = 0;

  constructor(budget: Budget, bytes: number, patience: number) {
    this.#budget = budget;
    this.#patience = patience;
    this.bytes = bytes;
    this.touch();
  }

  /** Tells that the holder lives. */
  touch(): void {
    this.expiresAt = Date.now() + this.#patience;
  }

  /** Gives back what turned out not to be needed. */
  shrink(bytes: number): void {
    this.bytes = Math.min(this.bytes, bytes);
  }

  release(): void {
    this.#budget.forget(this);
  }
}

export class Budget {
  readonly #limit: number;
  readonly #leases = new Set<Lease>();
  #queue: { seenAt: number }[] = [];
  /** The most that was ever lent at once, in bytes. */
  peak = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get lent(): number {
    let sum = 0;
    for (const lease of this.#leases) sum += lease.bytes;
    return sum;
  }

  /** First come, first served.
   * @param patience for how long, in ms, a holder may be silent before its lease is taken back
   * @param within for how long, in ms, to wait; then throws UNAVAILABLE (503): a pull that hangs is worse */
  async lease(bytes: number, patience: number, within = Number.POSITIVE_INFINITY): Promise<Lease> {
    const begun = Date.now();
    const ticket = { seenAt: begun };
    this.#queue.push(ticket);
    for (;;) {
      const now = Date.now();
      ticket.seenAt = now;
      this.#queue = this.#queue.filter((other) => now - other.seenAt < GONE);
      if (this.#queue[0] === ticket && this.#fits(bytes, now)) {
        this.#queue.shift();
        const lease = new Lease(this, bytes, patience);
        this.#leases.add(lease);
        this.peak = Math.max(this.peak, this.lent);
        return lease;
      }
      if (now - begun > within) {
        this.#queue = this.#queue.filter((other) => other !== ticket);
        throw new RegistryError("UNAVAILABLE", "too much is being fetched at once; ask again", {
          status: 503,
          headers: { "Retry-After": "5" },
        });
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }

  #fits(bytes: number, now: number): boolean {
    for (const lease of this.#leases) if (lease.expiresAt < now) this.#leases.delete(lease);
    return this.lent + bytes <= this.#limit;
  }

  forget(lease: Lease): void {
    this.#leases.delete(lease);
  }
}

export const budget = new Budget(BUDGET);
