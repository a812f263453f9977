// The families of numbers that are counted: their names in Prometheus' conventions, their labels, and what they mean. Every label has
// few values: what a client can choose (names, tags, addresses) is none.

interface Family {
  type: "counter" | "histogram";
  help: string;
  labels: readonly string[];
}

function counter<L extends string>(help: string, ...labels: L[]) {
  return { type: "counter", help, labels } as const satisfies Family;
}

function histogram<L extends string>(help: string, ...labels: L[]) {
  return { type: "histogram", help, labels } as const satisfies Family;
}

/** Without `_total`, which the exposition adds to counters. */
export const FAMILIES = {
  entrepot_requests: counter(
    "Requests to the registry API that were answered, by the rule that they led to (none where it was not found out).",
    ...["rule", "kind", "result"],
  ),
  entrepot_pulls: counter(
    "Manifests that were answered with GET: what registries count as a pull.",
    ...["rule", "result"],
  ),
  entrepot_served_bytes: counter("Bytes that were sent to clients.", "rule"),
  entrepot_fetched_bytes: counter("Bytes that came from upstreams.", "rule"),
  entrepot_upstream_requests: counter(
    "Requests to upstreams, by what was asked for, and the status of the answer (0: none came).",
    ...["rule", "kind", "method", "status"],
  ),
  entrepot_verification_failures: counter(
    "Contents that did not hash to their digest, and were not kept.",
    "rule",
  ),
  entrepot_platform_operations: counter(
    "Operations on Cloudflare's storage and objects, as far as they are counted: what the bill is made of.",
    "operation",
  ),
  entrepot_request_duration_seconds: histogram(
    "From a request to the beginning of its answer.",
    ...["kind", "result"],
  ),
  entrepot_upstream_duration_seconds: histogram(
    "From a request to an upstream to the beginning of its answer, redirects included.",
    ...["rule"],
  ),
} as const satisfies Record<string, Family>;

export type Families = typeof FAMILIES;
type Named<T extends Family["type"]> = {
  [N in keyof Families]: Families[N]["type"] extends T ? N : never;
}[keyof Families];
export type Counter = Named<"counter">;
export type Histogram = Named<"histogram">;
export type LabelsOf<N extends keyof Families> = Record<Families[N]["labels"][number], string>;

/** Upper bounds of the buckets, in s; the last one has none. */
export const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;
