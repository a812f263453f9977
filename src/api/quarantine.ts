// The quarantine: digests that are served to no client.

import { z } from "@hono/zod-openapi";
import { digest, sentence } from "../config/fields.ts";
import { time } from "./fields.ts";

export const newQuarantined = z.strictObject({ digest, reason: sentence });

export const quarantined = z
  .object({ digest: z.string(), reason: z.string(), at: time, who: z.string() })
  .openapi("Quarantined");
export type QuarantinedAnswer = z.infer<typeof quarantined>;

export const quarantine = z.object({ quarantine: z.array(quarantined) });
export type QuarantineAnswer = z.infer<typeof quarantine>;

export const released = z.object({ digest: z.string() });
export type ReleasedAnswer = z.infer<typeof released>;
