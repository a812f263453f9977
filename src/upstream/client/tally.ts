// Tally: the counters for requests to upstreams, called where they are sent and implemented where they are kept.

import type { Source } from "../../policy/source.ts";
import type { Budget, HealthChange } from "../contract.ts";
import type { UpstreamRequest } from "../upstream-request.ts";

/** An upstream's answer, as counted. */
export interface CountedAnswer {
  /** 0: no answer. */
  status: number;
  /** Time until the first byte, in ms. */
  waited: number;
  budget?: Budget;
}

/** Counts requests to upstreams, and the bytes received. */
export interface Tally {
  answered(
    request: Pick<UpstreamRequest, "source" | "kind" | "method">,
    answer: CountedAnswer,
  ): void;
  received(source: Source, bytes: number): void;
  became(source: Source, became: HealthChange): void;
}
