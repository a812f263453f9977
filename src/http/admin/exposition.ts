// Prometheus exposition: metrics as OpenMetrics 1.0 when the client accepts it, otherwise in the text format 0.0.4.

import { BUCKETS, FAMILIES } from "../../meter/families.ts";
import { partsOf, type Sample } from "../../meter/meter.ts";

/** A gauge family with its current values. */
export interface Gauge {
  name: string;
  help: string;
  values: { labels?: Record<string, string>; value: number }[];
}

interface Histogram {
  labels: [string, string][];
  buckets: Map<string, number>;
  sum: number;
}

const OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN = "text/plain; version=0.0.4; charset=utf-8";

export function exposition(
  samples: readonly Sample[],
  gauges: readonly Gauge[],
  accept: string | null,
): { type: string; text: string } {
  const isOpen = /\bapplication\/openmetrics-text\b/.test(accept ?? "");
  const byFamily = Map.groupBy(
    samples.flatMap(({ key, amount }) => {
      const parts = partsOf(key);
      return parts ? [{ ...parts, amount }] : [];
    }),
    ({ name }) => name,
  );
  const lines: string[] = [];
  for (const [name, { type, help }] of Object.entries(FAMILIES)) {
    const all = byFamily.get(name as keyof typeof FAMILIES) ?? [];
    // The older format names a counter with its suffix.
    const total = `${name}_total`;
    lines.push(...headOf(type === "counter" && !isOpen ? total : name, type, help));
    if (type === "counter")
      lines.push(...all.map(({ labels, amount }) => `${total}${labelled(labels)} ${amount}`));
    else for (const histogram of histogramsIn(all)) lines.push(...linesOf(name, histogram));
  }
  for (const { name, help, values } of gauges) {
    lines.push(...headOf(name, "gauge", help));
    for (const { labels = {}, value } of values)
      lines.push(`${name}${labelled(Object.entries(labels))} ${value}`);
  }
  if (isOpen) lines.push("# EOF");
  return { type: isOpen ? OPEN_METRICS : PLAIN, text: `${lines.join("\n")}\n` };
}

function headOf(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function histogramsIn(
  samples: readonly { labels: [string, string][]; part: string | undefined; amount: number }[],
): Histogram[] {
  const byLabels = Map.groupBy(samples, ({ labels }) => JSON.stringify(labels));
  return [...byLabels.values()].map((same) => ({
    labels: same[0]?.labels ?? [],
    buckets: new Map(same.map(({ part = "", amount }) => [part, amount])),
    sum: same.find(({ part }) => part === "sum")?.amount ?? 0,
  }));
}

/** Buckets are stored separately and exposed cumulatively. */
function linesOf(name: string, { labels, buckets, sum }: Histogram): string[] {
  let count = 0;
  const lines = [...BUCKETS.map(String), "+Inf"].map((bound) => {
    count += buckets.get(bound) ?? 0;
    return `${name}_bucket${labelled([...labels, ["le", bound]])} ${count}`;
  });
  return [
    ...lines,
    `${name}_sum${labelled(labels)} ${Number(sum.toFixed(6))}`,
    `${name}_count${labelled(labels)} ${count}`,
  ];
}

function labelled(labels: readonly (readonly [string, string])[]): string {
  if (labels.length === 0) return "";
  return `{${labels.map(([label, value]) => `${label}="${escaped(value)}"`).join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
