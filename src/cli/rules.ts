// `npm run entrepot -- rules`: a cache's rules, and whether their upstreams take them.

import { Command } from "commander";
import type { RulesAnswer, ValidationAnswer } from "../api/rules.ts";
import { type Api, openApi } from "./api.ts";
import { type Asking, asking, print, withExamples } from "./command.ts";
import { say } from "./lines.ts";
import { ruleChangeCommands } from "./rule-changes.ts";
import { SIGNS, tableOf } from "./words.ts";

export function rulesCommand(): Command {
  const command = new Command("rules")
    .summary("the rules, and whether their upstreams take them")
    .description("The rules that lead names to registries, and whether their upstreams take them.")
    .addCommand(listCommand())
    .addCommand(validateCommand());
  for (const one of ruleChangeCommands()) command.addCommand(one);
  return withExamples(command, [
    "rules list",
    "rules validate",
    "rules validate team --image app:1",
  ]);
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("lists them")
    .description(
      "Lists the rules: their names, upstreams and credentials, and what makes one unusable.",
    );
  return asking(command, ["rules list", "rules list --json"]).action(async (options: Asking) => {
    print(await rulesOf(openApi(options.url)), options, ({ rules }) => {
      const rows = rules.map((rule) => [
        rule.name,
        rule.source,
        [...rule.prefixes, ...rule.hosts, ...(rule.default ? ["(default)"] : [])].join(" "),
        rule.upstream,
        rule.credentials.join(" ") || "anonymous",
        rule.problem ?? "",
      ]);
      return tableOf(["rule", "source", "names", "upstream", "credentials", "problem"], rows);
    });
  });
}

function validateCommand(): Command {
  const command = new Command("validate")
    .summary("asks their upstreams")
    .description(
      "Asks the upstream of each rule, or of this one, with its credentials, which costs no pull. Ends with 1 where a rule is not valid.",
    )
    .argument("[name]", "of a rule, as `rules list` says it")
    .option("--image <image>", "one that is there, as it is named behind the prefix");
  return asking(
    command,
    ["rules validate", "rules validate docker.io --json", "rules validate team --image app:1"],
    "prints what the API answers; a list where no rule is named",
  ).action(validate);
}

function rulesOf(api: Api): Promise<RulesAnswer> {
  return api.ask("GET", "/api/rules");
}

/** With --json the answer about the rule that is named, or a list for all of them. */
async function validate(
  name: string | undefined,
  options: Asking & { image?: string },
): Promise<void> {
  const api = openApi(options.url);
  const names = name === undefined ? (await rulesOf(api)).rules.map((rule) => rule.name) : [name];
  const all: ValidationAnswer[] = [];
  for (const rule of names) {
    const query = new URLSearchParams({ rule });
    if (options.image !== undefined) query.set("image", options.image);
    const told = await api.ask<ValidationAnswer>("POST", `/api/rules/validate?${query}`);
    if (!told.valid) process.exitCode = 1;
    all.push(told);
    // Each as it comes: a registry that is silent takes its time.
    if (!options.json) for (const line of linesOf(told)) say(line);
  }
  print(name === undefined ? all : all[0], options, () => []);
}

function linesOf({ rule, valid, checks }: ValidationAnswer): string[] {
  const sign = (good: boolean) => SIGNS[good ? "good" : "bad"];
  return [
    `${sign(valid)} ${rule}`,
    ...checks.map(({ check, good, text }) => `  ${sign(good)} ${check.padEnd(12)}${text}`),
  ];
}
