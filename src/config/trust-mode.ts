// Trust mode: what a rule does with an image that a check of age, signature or vulnerabilities finds fault with.

import { z } from "zod";

export const trustMode = z.enum(["report", "enforce"], {
  error: 'must be "report" or "enforce"',
});

/** report: the image is served, and logs, events, metrics and explain say what would have been refused. enforce: it is refused. */
export type TrustMode = z.infer<typeof trustMode>;
