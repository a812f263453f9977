// Rules added by the admin API, as stored; policy/added merges them with the configured ones.

/** A rule that the API has added. */
export interface Added {
  /** Its fields as the configuration would have them. */
  fields: Record<string, unknown>;
  /** Increases with every change of any added rule. */
  version: number;
  /** In ms since the epoch. */
  changedAt: number;
  changedBy: string;
}

/** The name that the API's lifecycle policies are stored under, which replace those of the variable; no rule can have it. */
export const LIFECYCLE = "LIFECYCLE";

export interface AddedRule extends Added {
  name: string;
}

/** An added rule that is not in force, with the reason. */
export interface SetAside extends AddedRule {
  problem: string;
}
