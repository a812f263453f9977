// `npm run entrepot -- rules create | update | delete`: rules that a cache is given while it runs.

import { Command } from "commander";
import type { DeletedRuleAnswer, RuleAnswer } from "../api/rules.ts";
import { Complaint, openApi, textOf } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";

const FILE =
  "with the fields of a rule in JSON, as they would stand in wrangler.toml; - for what comes in";

export function ruleChangeCommands(): Command[] {
  const create = new Command("create")
    .summary("adds one")
    .description(
      "Adds a rule to the running cache; it is in force everywhere within a minute. Its name is its first prefix, or its first host.",
    )
    .argument("<file>", FILE)
    .action(async (file: string, options: Asking) => {
      const made = await openApi(options.url).ask<RuleAnswer>("POST", "/api/rules", fieldsIn(file));
      print(made, options, told);
    });
  const update = new Command("update")
    .summary("replaces one that was added")
    .description("Replaces a rule that was added while the cache ran.")
    .argument("<name>", "of the rule, as `rules list` says it")
    .argument("<file>", FILE)
    .action(async (name: string, file: string, options: Asking) => {
      const path = `/api/rules/${encodeURIComponent(name)}`;
      print(await openApi(options.url).ask<RuleAnswer>("PUT", path, fieldsIn(file)), options, told);
    });
  const remove = new Command("delete")
    .summary("deletes one that was added")
    .description("Deletes a rule that was added while the cache ran; what was cached by it stays.")
    .argument("<name>", "of the rule, as `rules list` says it")
    .action(async (name: string, options: Asking) => {
      const path = `/api/rules/${encodeURIComponent(name)}`;
      const gone = await openApi(options.url).ask<DeletedRuleAnswer>("DELETE", path);
      print(gone, options, () => [
        `the rule "${gone.name}" is deleted: in force everywhere within a minute`,
      ]);
    });
  return [
    asking(create, ["rules create team.json", "rules create - --json"]),
    asking(update, ["rules update team team.json", "rules update team - --json"]),
    asking(remove, ["rules delete team", "rules delete team --json"]),
  ];
}

function fieldsIn(file: string): string {
  const text = textOf(file);
  try {
    JSON.parse(text);
  } catch {
    throw new Complaint(
      `${file} is not JSON: it holds the fields of a rule, such as {"prefix":"team","upstream":"https://registry.example.com"}`,
      2,
    );
  }
  return text;
}

function told({ name, upstream, problem }: RuleAnswer): string[] {
  const line = `the rule "${name}" leads to ${upstream}: in force everywhere within a minute`;
  return problem === undefined ? [line] : [line, `it cannot be used yet: ${problem}`];
}
