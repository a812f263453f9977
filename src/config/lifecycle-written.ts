// Lifecycle policy serialization: a parsed policy back in ECR's grammar.

import type { LifecyclePolicy, LifecycleRule } from "./lifecycle-policy.ts";
import { UNITS } from "./lifecycle-schema.ts";

/** An object that `parsePolicies` parses to the same policy. */
export function written({ repositories, protect, rules }: LifecyclePolicy): object {
  return {
    ...(repositories && { repositories }),
    ...(protect.length > 0 && { protect }),
    rules: rules.map(ruleWritten),
  };
}

function ruleWritten({ priority, description, selection }: LifecycleRule): object {
  const { countType, countNumber, ...status } = selection;
  const countUnit = UNITS[countType];
  return {
    rulePriority: priority,
    ...(description !== undefined && { description }),
    selection: { ...status, countType, ...(countUnit && { countUnit }), countNumber },
    action: { type: "expire" },
  };
}
