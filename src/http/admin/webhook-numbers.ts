// Metrics of webhooks, as their objects count them.

import type { Config } from "../../config/read.ts";
import { keyOf, type Sample } from "../../meter/meter.ts";
import type { Webhooks } from "../../webhooks/open.ts";
import type { Gauge } from "./exposition.ts";

const RESULTS = ["delivered", "failed", "dead", "lost"] as const;

export async function webhookNumbers(
  { webhooks }: Config,
  open: Webhooks,
): Promise<{ samples: Sample[]; gauges: Gauge[] }> {
  if (!open || webhooks.length === 0) return { samples: [], gauges: [] };
  const states = await Promise.all(
    webhooks.map(async ({ name }) => ({ hook: name, state: await open(name).state(name) })),
  );
  const gauge = (name: string, help: string, of: (one: (typeof states)[number]) => number) => ({
    name,
    help,
    values: states.map((one) => ({ labels: { hook: one.hook }, value: of(one) })),
  });
  return {
    samples: states.flatMap(({ hook, state }) =>
      RESULTS.map((result) => ({
        key: keyOf("entrepot_webhook_deliveries", { hook, result }),
        amount: state[result],
      })),
    ),
    gauges: [
      gauge(
        "entrepot_webhook_pending",
        "Events that wait for a webhook's receiver.",
        (one) => one.state.pending,
      ),
      gauge(
        "entrepot_webhook_dead_letters",
        "Events for a webhook that were given up, and are kept.",
        (one) => one.state.letters,
      ),
      gauge(
        "entrepot_webhook_gone",
        "1 if a webhook's receiver answered 410 Gone: nothing is sent until the configuration changes.",
        (one) => (one.state.goneAt === undefined ? 0 : 1),
      ),
    ],
  };
}
