// Held tags: tags that a rule keeps at an older digest, or refuses, because their new digest is too young.

import { z } from "@hono/zod-openapi";
import { digest, sentence } from "../config/fields.ts";
import { imageReference, number, time } from "./fields.ts";

export const heldQuery = {
  n: number(100, 1000),
  cursor: z.string().max(2000).optional().openapi({ description: "`next` of the previous page" }),
};

export const heldTag = z
  .object({
    reference: z.string(),
    rule: z.string(),
    serves: z
      .string()
      .optional()
      .openapi({ description: "the digest that is served; absent where the tag is refused" }),
    candidate: z.string().openapi({ description: "the digest that the tag means at the upstream" }),
    since: time.openapi({ description: "when it was first seen" }),
    until: time
      .optional()
      .openapi({ description: "when it will be old enough; absent where the tag is gone" }),
    moves: z
      .int()
      .openapi({ description: "how often the tag moved within the rule's minimum age" }),
  })
  .openapi("HeldTag");
export type HeldTagAnswer = z.infer<typeof heldTag>;

export const held = z.object({ held: z.array(heldTag), next: z.string().optional() });
export type HeldAnswer = z.infer<typeof held>;

export const heldRelease = z.strictObject({
  reference: imageReference,
  reason: sentence,
  digest: digest.optional().openapi({
    description: "what is to be released; refused if the tag means another digest by now",
  }),
  until: z.iso
    .datetime({ offset: true, error: "must be a time, such as 2026-12-24T18:00:00Z" })
    .optional()
    .openapi({ description: "end of the release; default: 30 days, or when it is old enough" }),
});

export const heldReleased = z
  .object({ reference: z.string(), digest: z.string(), who: z.string(), until: time })
  .openapi("HeldReleased");
export type HeldReleasedAnswer = z.infer<typeof heldReleased>;
