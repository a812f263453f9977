// The buffers of all fills in one isolate share one budget. An isolate has 128 MB for everything, and several
// Durable Objects may live in one: so the budget is the module's, not an object's.

import { RegistryError } from "../../oci/error.ts";
import { SEGMENT } from "../../store/segments.ts";

export const BUDGET = 64 * 1024 * 1024;

/** What a fill takes before it connects: a blob that fits waits for nobody's segments. */
export const SMALL = 256 * 1024;
/** Kept free of segments, for those. */
const SMALL_RESERVE = SEGMENT;
/** The most that second and further connections of fills may hold: the first of another fill never waits for them. */
const MOST_EXTRA = BUDGET / 2;

/** Kept free of one origin's fills, in bytes: an upstream whose answers drip holds what it has for hours, and would take all from the
 * others. */
const OTHERS_RESERVE = SMALL_RESERVE + SEGMENT;

/** How often a waiter looks, in ms. Waiters look by timers of their own: an object that was aborted runs no
 * `finally` (guide/platform, "Notes on the runtime"), and a promise that it should have resolved would hang the others. */
const POLL_INTERVAL = 10;
/** A waiter that has not looked for so long is gone, in ms; if it was only held up, it finds its place again. */
const WAITER_TIMEOUT = 2000;

/** How often a holder shows that it lives, and after how long without that its lease is taken back, in ms: an object
 * that was aborted gives nothing back. */
const LEASE_HEARTBEAT = 1000;
const LEASE_TIMEOUT = 15_000;

/** Who asks: a fill that connects, its first connection for a segment, or a further one. */
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

  /** Waits until it may hold that many bytes. Throws UNAVAILABLE (503) after `within` ms. */
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
  /** The most that was ever lent at once, in bytes. */
  peak = 0;

  /** @param beat how often a holder shows that it lives, and `patience` for how long it may fail to, in ms */
  constructor(limit: number, beat = LEASE_HEARTBEAT, patience = LEASE_TIMEOUT) {
    this.#limit = limit;
    this.#beat = beat;
    this.#patience = patience;
  }

  get lent(): number {
    return this.#lentTo(() => true);
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  #lentTo(counts: (purpose: Purpose, owner: string | undefined) => boolean): number {
    let sum = 0;
    for (const lease of this.#leases) if (counts(lease.purpose, lease.owner)) sum += lease.bytes;
    return sum;
  }

  /** Whether its owner has to give something back first. */
  #isTooMuch({ bytes, owner }: Waiter): boolean {
    if (owner === undefined) return false;
    const own = this.#lentTo((_, one) => one === owner);
    return own + bytes > this.#limit - OTHERS_RESERVE;
  }

  /** First come, first served, among those of one purpose.
   * @param within for how long, in ms, to wait; then throws UNAVAILABLE (503): a pull that hangs is worse
   * @param owner the origin that it is for (policy/source), which leaves something to others */
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
        throw new RegistryError("UNAVAILABLE", "too much is being fetched at once; ask again", {
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
    // The first of its purpose; and a further connection lets every fill's first one pass. Nobody waits for those who have too much.
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
    if (purpose === "extra" && this.#lentTo((to) => to === "extra") + bytes > MOST_EXTRA)
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
