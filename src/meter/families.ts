// Metric families: names by Prometheus' conventions, labels and help texts. Every label has few values, so values that a client can choose
// (names, tags, addresses) are not labels.

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

/** Families by name, without the `_total` that the exposition appends to counters. */
export const FAMILIES = {
  entrepot_requests: counter(
    "Requests to the registry API that were answered, by rule (empty if none was determined).",
    ...["rule", "kind", "result"],
  ),
  entrepot_pulls: counter(
    "Manifests served to GET requests, which registries count as pulls.",
    ...["rule", "result"],
  ),
  entrepot_served_bytes: counter("Bytes sent to clients.", "rule"),
  entrepot_fetched_bytes: counter("Bytes received from upstreams.", "rule"),
  entrepot_upstream_requests: counter(
    "Requests to upstreams, by kind and response status (0: no response).",
    ...["rule", "kind", "method", "status"],
  ),
  entrepot_verification_failures: counter(
    "Content that did not match its digest and was discarded.",
    "rule",
  ),
  entrepot_trust_findings: counter(
    "Requests for images that a check of age, signature or vulnerabilities refused, or would have refused in report mode.",
    ...["rule", "check", "mode"],
  ),
  entrepot_webhook_deliveries: counter(
    "Events for webhooks: delivered, failed (an attempt), dead (given up) or lost (a deleted dead letter).",
    ...["hook", "result"],
  ),
  entrepot_platform_operations: counter(
    "Counted operations on Cloudflare's storage and Durable Objects, which are billed.",
    "operation",
  ),
  entrepot_request_duration_seconds: histogram(
    "Time from a request to the start of its response.",
    ...["kind", "result"],
  ),
  entrepot_upstream_duration_seconds: histogram(
    "Time from a request to an upstream to the start of its response, including redirects.",
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

/** Upper bounds of the histogram buckets, in s; a last bucket is unbounded. */
export const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;
