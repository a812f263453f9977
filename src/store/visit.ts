// A visit: what reading for a client comes with, and where what it found was.

/** From near to far: this isolate's memory, this data centre's cache, KV, R2. */
export type Layer = "memory" | "edge" | "kv" | "r2";

export interface ReadVisit {
  /** The host name that the client asked. */
  host: string;
  /** In ms since the epoch. */
  now: number;
  /** Has work go on behind the answer, for half a minute at most. */
  later(work: Promise<unknown>): void;
}
