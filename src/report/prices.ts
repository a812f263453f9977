// Prices: what Cloudflare charges for the resources a cache uses (published prices, Workers Paid plan), and the variable PRICES
// that overrides them, since prices change and contracts differ.

import { z } from "zod";
import { describe } from "../config/issues.ts";
import { parseJson } from "../config/json.ts";

/** In US dollars. */
export interface Price {
  /** Description of the unit. */
  what: string;
  /** Amount included per month. */
  included: number;
  /** Price per further `per` units. */
  price: number;
  per: number;
}

export interface Prices {
  /** Date of the published prices, or the date given in PRICES. */
  dated: string;
  /** Plan price per month. */
  plan: number;
  /** By operation (store/counted, platform/rpc), and `r2_storage` in GB-months. */
  items: Record<string, Price>;
}

const MILLION = 1_000_000;

function million(what: string, included: number, price: number): Price {
  return { what, included: included * MILLION, price, per: MILLION };
}

const PUBLISHED: Prices = {
  dated: "2026-11-01",
  plan: 5,
  items: {
    worker_request: million("Worker requests", 10, 0.3),
    object_request: million("Durable Object requests", 1, 0.15),
    kv_read: million("KV reads", 10, 0.5),
    kv_write: million("KV writes", 1, 5),
    kv_delete: million("KV deletes", 1, 5),
    kv_list: million("KV lists", 1, 5),
    r2_class_a: million("R2 class A operations", 1, 4.5),
    r2_class_b: million("R2 class B operations", 10, 0.36),
    r2_storage: { what: "GB-months of R2 storage", included: 10, price: 0.015, per: 1 },
  },
};

const amount = z.number().min(0, "must be a number of at least 0");
const schema = z.strictObject({
  dated: z.iso.date("must be a date, such as 2026-11-01"),
  plan: amount.optional(),
  items: z
    .partialRecord(
      z.enum(Object.keys(PUBLISHED.items)),
      z.strictObject({ included: amount.optional(), price: amount.optional() }),
    )
    .optional(),
});

/** Reads the variable PRICES, which overrides published prices. Throws a message with the field's path. */
export function readPrices(value: unknown): Prices {
  if (value === undefined || value === "") return PUBLISHED;
  const given = parseJson(value);
  if ("problem" in given) throw new Error(`PRICES: ${given.problem}`);
  const parsed = schema.safeParse(given.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => describe("PRICES", issue, "prices"));
    throw new Error(problems.join("; "));
  }
  const { dated, plan = PUBLISHED.plan, items = {} } = parsed.data;
  const merged = Object.entries(PUBLISHED.items).map(([name, item]) => {
    const { included = item.included, price = item.price } = items[name] ?? {};
    return [name, { ...item, included, price }];
  });
  return { dated, plan, items: Object.fromEntries(merged) };
}
