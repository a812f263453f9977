// Metrics of webhooks, as their objects count them.

import type { Config } from "../../config/read.ts";
import { keyOf, type Sample } from "../../meter/meter.ts";
import type { Webhooks } from "../../webhooks/open.ts";
import type { Gauge } from "./exposition.ts";
import { readState } from "./webhook-states.ts";

const RESULTS = ["delivered", "failed", "dead", "lost"] as const;

/** None of a webhook whose object fails: a gap says more than a counter that falls to 0. */
export async function webhookNumbers(
  { webhooks }: Config,
  open: Webhooks,
): Promise<{ samples: Sample[]; gauges: Gauge[] }> {
  if (!open || webhooks.length === 0) return { samples: [], gauges: [] };
  const read = await Promise.all(
    webhooks.map(async ({ name }) => ({ hook: name, ...(await readState(name, open)) })),
  );
  const states = read.flatMap((one) => ("state" in one ? [one] : []));
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
