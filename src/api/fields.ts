// Fields that several requests and answers of the admin API share: times, sizes, switches, numbers and pages.

import { z } from "@hono/zod-openapi";
import { duration } from "../config/duration.ts";

/** ISO 8601, in UTC. */
export const time = z.iso.datetime().openapi({ example: "2026-11-26T14:05:00.000Z" });

/** A point in time with its zone, in ms since the epoch, or a duration from now, in ms. */
const moment = z.union([
  z.iso.datetime({ offset: true }).transform((text) => ({ at: Date.parse(text) })),
  duration("").transform((time) => ({ in: time })),
]);

/** The end of what a request begins. */
export const end = z
  .string({ error: "must be a time or a duration, in quotes" })
  .transform((text, context) => {
    const { data } = moment.safeParse(text);
    if (data) return data;
    const message = 'must be a time, such as 2030-01-01T00:00:00Z, or a duration, such as "24h"';
    context.issues.push({ code: "custom", input: text, message });
    return z.NEVER;
  });

export const bytes = z.int().openapi({ description: "bytes" });

/** An image as clients name it. */
export const imageReference = z
  .string({ error: "must be an image, such as docker.io/library/alpine:3" })
  .max(1000)
  .openapi({ example: "docker.io/library/alpine:3" });

/** A query parameter that is true or false; given without a value it is true. */
export const flag = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined || text === "false" || text === "0") return false;
    if (text === "true" || text === "1" || text === "") return true;
    context.issues.push({ code: "custom", input: text, message: "must be true or false" });
    return z.NEVER;
  })
  .openapi({ type: "boolean" });

/** A query parameter that is a whole number from 1 to `most`.
 * @param usual its default */
export function number(usual: number, most: number) {
  return numberIn(most)
    .optional()
    .transform((value) => value ?? usual)
    .openapi({ type: "integer", minimum: 1, maximum: most, default: usual });
}

/** The same without a default, from `least`. */
export function numberIn(most: number, least = 1) {
  return z
    .string()
    .refine(
      (text) => /^\d{1,16}$/.test(text) && Number(text) >= least && Number(text) <= most,
      `must be a number from ${least} to ${most}`,
    )
    .transform(Number);
}

/** A query parameter that says where a page begins: the number of an entry, from `least`. */
export function position(description: string, least: 0 | 1) {
  return numberIn(Number.MAX_SAFE_INTEGER, least)
    .optional()
    .openapi({ type: "integer", minimum: least, description });
}

/** Parameters of a list whose latest entries come first. */
export const page = {
  n: number(100, 1000),
  before: position("the id of the last entry of the previous page", 1),
};
