// Rule fields for allowances (break-glass): digests that pass the checks of age, signature and vulnerabilities until a time.

import { z } from "zod";

export const allowanceFields = {
  allowancePeople: z
    .int()
    .min(1)
    .max(2)
    .default(1)
    .describe(
      "Number of people that an allowance needs to count for this rule. With 2, it counts once a second person has confirmed it.",
    ),
};
