// Rules that the API has added, as stored: a change applies only if no other change was made since it was prepared.

import type { AddedRule } from "../config/added.ts";
import type { Sqlite } from "../platform/sqlite.ts";
import type { AddedRules, RuleChange } from "./contract.ts";

interface AddedRuleRow {
  name: string;
  fields: string;
  version: number;
  changed_at: number;
  changed_by: string;
}

export function addedRules(database: Sqlite): AddedRules {
  const rows = database.all<AddedRuleRow>("SELECT * FROM rules ORDER BY id");
  const { version } = database.one<{ version: number | null }>(
    "SELECT max(version) AS version FROM rule_changes",
  );
  return { version: version ?? 0, rules: rows.map(ruleOf) };
}

/** @param base the version that the change was based on
 * @returns false where that is not the latest version; nothing is changed then */
export function changeRule(
  database: Sqlite,
  base: number,
  { id, name, fields }: RuleChange,
  { changedAt, changedBy }: Pick<AddedRule, "changedAt" | "changedBy">,
): boolean {
  // The change was made before, and its answer lost.
  if (database.has("SELECT 1 FROM rule_changes WHERE change = ?", id)) return true;
  if (addedRules(database).version !== base) return false;
  const { version } = database.one<{ version: number }>(
    "INSERT INTO rule_changes (change) VALUES (?) RETURNING version",
    id,
  );
  database.run("DELETE FROM rule_changes WHERE version < ?", version);
  if (!fields) database.run("DELETE FROM rules WHERE name = ?", name);
  else
    database.run(
      `INSERT INTO rules (name, fields, version, changed_at, changed_by) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE
         SET fields = excluded.fields, version = excluded.version, changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
      name,
      JSON.stringify(fields),
      version,
      changedAt,
      changedBy,
    );
  return true;
}

function ruleOf({ name, fields, version, changed_at, changed_by }: AddedRuleRow): AddedRule {
  return {
    name,
    fields: JSON.parse(fields),
    version,
    changedAt: changed_at,
    changedBy: changed_by,
  };
}
