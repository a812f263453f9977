// Rules that the API has added, as they are kept beside those that are configured (policy/added puts them together).

/** A rule as the API has added it. */
export interface Added {
  /** Its fields, as they would stand in the configuration. */
  fields: Record<string, unknown>;
  /** Grows with every change of any of them. */
  version: number;
  /** In ms since the epoch. */
  changedAt: number;
  changedBy: string;
}

/** Under this name the API's lifecycle policies are kept, which stand in place of the variable's; no rule has it. */
export const LIFECYCLE = "LIFECYCLE";

export interface AddedRule extends Added {
  name: string;
}

/** It is not in force. */
export interface SetAside extends AddedRule {
  problem: string;
}
