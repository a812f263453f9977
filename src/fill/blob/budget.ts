// Memory budget: shared by the buffers of all fills in one isolate. An isolate has 128 MB for everything and may run
// several Durable Objects, so the budget belongs to the module, not to an object.

import { RegistryError } from "../../oci/error.ts";
import { SEGMENT } from "../../store/segments.ts";

export const BUDGET = 64 * 1024 * 1024;

/** Bytes that a fill leases before it connects: a blob that fits into them never waits for other fills' segments. */
export const SMALL_LEASE = 256 * 1024;
/** Bytes reserved for those leases. */
const SMALL_RESERVE = SEGMENT;
/** Maximum bytes held by further connections of fills: the first connection of another fill never waits for them. */
const MAX_EXTRA = BUDGET / 2;

/** Bytes that one origin's fills leave free for others: an upstream that sends slowly holds its buffers for hours, and
 * could otherwise take all. */
const OTHERS_RESERVE = SMALL_RESERVE + SEGMENT;

/** Polling interval of waiters in ms. Each waiter polls by its own timer: an object that was aborted runs no `finally`
 * (guide/platform, "Notes on the runtime"), so a promise that it should resolve would hang the others. */
const POLL_INTERVAL = 10;
/** Time in ms without a poll after which a waiter counts as gone; one that was only delayed gets its place back. */
const WAITER_TIMEOUT = 2000;

/** Heartbeat of a lease, and time without one after which the lease is reclaimed, both in ms: an object that was aborted
 * releases nothing. */
const LEASE_HEARTBEAT = 1000;
const LEASE_TIMEOUT = 15_000;

/** Purpose of a lease: a fill's request before its size is known, its first connection for a segment, or a further
 * connection. */
export type Purpose = "small" | "first" | "extra";

export class Lease {
  readonly #budget: Budget;
  readonly #beat: ReturnType<typeof setInterval>;
  readonly owner: string | undefined;
  purpose: Purpose;
  bytes: number;
  seenAt = Date.now();

  constructor(budget: Budget, { bytes, purpose, owner }: Waiter, beat: number) {
    this.#budget = budget;
    this.purpose = purpose;
    this.bytes = bytes;
    this.owner = owner;
    this.#beat = setInterval(() => {
      this.seenAt = Date.now();
    }, beat);
  }

  /** Waits until the lease may grow to `bytes`. Throws UNAVAILABLE (503) after `within` ms. */
  async grow(bytes: number, within: number): Promise<void> {
    if (bytes <= this.bytes) return;
    const grown = await this.#budget.lease(bytes, "first", within, this.owner);
    grown.release();
    this.bytes = bytes;
    this.purpose = "first";
  }

  release(): void {
    clearInterval(this.#beat);
    this.#budget.forget(this);
  }
}

interface Waiter {
  bytes: number;
  purpose: Purpose;
  owner: string | undefined;
}

interface Ticket extends Waiter {
  number: number;
  seenAt: number;
}

export class Budget {
  readonly #limit: number;
  readonly #beat: number;
  readonly #patience: number;
  readonly #leases = new Set<Lease>();
  #queue: Ticket[] = [];
  #tickets = 0;
  /** Maximum bytes ever lent at once. */
  peak = 0;

  /** @param beat heartbeat interval in ms
   * @param patience time in ms without a heartbeat after which a lease is reclaimed */
  constructor(limit: number, beat = LEASE_HEARTBEAT, patience = LEASE_TIMEOUT) {
    this.#limit = limit;
    this.#beat = beat;
    this.#patience = patience;
  }

  get lent(): number {
    return this.#lentTo(() => true);
  }

  /** Number of waiters. */
  get waiting(): number {
    return this.#queue.length;
  }

  #lentTo(counts: (purpose: Purpose, owner: string | undefined) => boolean): number {
    let sum = 0;
    for (const lease of this.#leases) if (counts(lease.purpose, lease.owner)) sum += lease.bytes;
    return sum;
  }

  /** Whether the owner has to release something first. */
  #isTooMuch({ bytes, owner }: Waiter): boolean {
    if (owner === undefined) return false;
    const own = this.#lentTo((_, one) => one === owner);
    return own + bytes > this.#limit - OTHERS_RESERVE;
  }

  /** Leases memory; first come, first served among waiters of one purpose.
   * @param within maximum wait in ms; then throws UNAVAILABLE (503), as a failure is better than a pull that hangs
   * @param owner origin that the lease is for (policy/source); one origin cannot take the whole budget */
  async lease(
    bytes: number,
    purpose: Purpose,
    within = Number.POSITIVE_INFINITY,
    owner?: string,
  ): Promise<Lease> {
    const begun = Date.now();
    this.#tickets += 1;
    const ticket: Ticket = { number: this.#tickets, bytes, purpose, owner, seenAt: begun };
    for (;;) {
      const now = Date.now();
      if (this.#isNext(ticket, now) && this.#fits(ticket, now)) {
        this.#queue = this.#queue.filter((other) => other !== ticket);
        const lease = new Lease(this, ticket, this.#beat);
        this.#leases.add(lease);
        this.peak = Math.max(this.peak, this.lent);
        return lease;
      }
      if (now - begun > within) {
        this.#queue = this.#queue.filter((other) => other !== ticket);
        throw new RegistryError("UNAVAILABLE", "too many fetches in progress; retry later", {
          status: 503,
          headers: { "Retry-After": "5" },
        });
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL));
    }
  }

  #isNext(ticket: Ticket, now: number): boolean {
    ticket.seenAt = now;
    this.#queue = this.#queue.filter((other) => now - other.seenAt < WAITER_TIMEOUT);
    if (!this.#queue.includes(ticket)) this.#queue.push(ticket);
    // First of its purpose, and further connections let every fill's first one pass. Waiters whose origin holds too
    // much hold up no others.
    return this.#queue.every((other) => {
      const isBefore =
        other.purpose === ticket.purpose
          ? other.number < ticket.number
          : ticket.purpose === "extra" && other.purpose === "first";
      return !isBefore || this.#isTooMuch(other);
    });
  }

  #fits(wanted: Waiter, now: number): boolean {
    const { bytes, purpose } = wanted;
    for (const lease of this.#leases) {
      if (now - lease.seenAt > this.#patience) this.#leases.delete(lease);
    }
    if (this.#isTooMuch(wanted)) return false;
    const free = this.#limit - this.lent;
    if (purpose === "small") return bytes <= free;
    if (purpose === "extra" && this.#lentTo((to) => to === "extra") + bytes > MAX_EXTRA)
      return false;
    return (
      bytes <= free && this.#lentTo((to) => to !== "small") + bytes <= this.#limit - SMALL_RESERVE
    );
  }

  forget(lease: Lease): void {
    this.#leases.delete(lease);
  }
}

export const budget = new Budget(BUDGET);
