// `npm run entrepot -- rules create | update | delete`: changes rules of a running cache.

import { Command } from "commander";
import type { DeletedRuleAnswer, RuleAnswer } from "../api/rules.ts";
import { Complaint, openApi, textOf } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";

const FILE =
  "JSON file with the fields of a rule, as they would stand in wrangler.toml; - for standard input";

export function ruleChangeCommands(): Command[] {
  const create = new Command("create")
    .summary("add a rule")
    .description(
      "Add a rule to the running cache; it applies everywhere within a minute. Its name is its first prefix, or its first host.",
    )
    .argument("<file>", FILE)
    .action(async (file: string, options: Asking) => {
      const made = await openApi(options.url).ask<RuleAnswer>("POST", "/api/rules", fieldsIn(file));
      print(made, options, linesOf);
    });
  const update = new Command("update")
    .summary("replace an added rule")
    .description("Replace a rule that was added to the running cache.")
    .argument("<name>", "name of the rule, from `rules list`")
    .argument("<file>", FILE)
    .action(async (name: string, file: string, options: Asking) => {
      const path = `/api/rules/${encodeURIComponent(name)}`;
      print(
        await openApi(options.url).ask<RuleAnswer>("PUT", path, fieldsIn(file)),
        options,
        linesOf,
      );
    });
  const remove = new Command("delete")
    .summary("delete an added rule")
    .description("Delete a rule that was added to the running cache. Cached content stays.")
    .argument("<name>", "name of the rule, from `rules list`")
    .action(async (name: string, options: Asking) => {
      const path = `/api/rules/${encodeURIComponent(name)}`;
      const gone = await openApi(options.url).ask<DeletedRuleAnswer>("DELETE", path);
      print(gone, options, () => [
        `deleted rule "${gone.name}"; takes effect everywhere within a minute`,
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
      `${file} is not JSON; expected the fields of a rule, such as {"prefix":"team","upstream":"https://registry.example.com"}`,
      2,
    );
  }
  return text;
}

function linesOf({ name, upstream, problem }: RuleAnswer): string[] {
  const line = `rule "${name}" leads to ${upstream}; takes effect everywhere within a minute`;
  return problem === undefined ? [line] : [line, `the rule cannot be used yet: ${problem}`];
}
