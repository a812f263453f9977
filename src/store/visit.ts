// Visit: the context of a read for a client request, and the layers that it reads from.

/** Nearest first: this isolate's memory, this data center's cache, KV, R2. */
export type Layer = "memory" | "edge" | "kv" | "r2";

export interface ReadVisit {
  /** Host of the client's request. */
  host: string;
  /** Time of the request, in ms since the epoch. */
  now: number;
  /** Continues work in the background after the response, for at most half a minute. */
  later(work: Promise<unknown>): void;
}
