// What is counted of upstreams: by whoever asks them, for whoever wants to know.

import type { Source } from "../../policy/source.ts";
import type { UpstreamRequest } from "../asked.ts";
import type { Became, Budget } from "../contract.ts";

/** How an upstream answered. */
export interface Answered {
  /** 0: it did not. */
  status: number;
  /** Until its answer began, in ms. */
  waited: number;
  budget?: Budget;
}

/** Counts what upstreams are asked, and what they send. */
export interface Tally {
  answered(asked: Pick<UpstreamRequest, "source" | "kind" | "method">, answer: Answered): void;
  received(source: Source, bytes: number): void;
  became(source: Source, became: Became): void;
}
