// `npm run entrepot -- rules`: lists a cache's rules, and validates them against their upstreams.

import { Command } from "commander";
import type { RulesAnswer, ValidationAnswer } from "../api/rules.ts";
import { type Api, openApi } from "./api.ts";
import { type Asking, asking, print, withExamples } from "./command.ts";
import { say } from "./lines.ts";
import { ruleChangeCommands } from "./rule-changes.ts";
import { SIGNS, tableOf } from "./words.ts";

export function rulesCommand(): Command {
  const command = new Command("rules")
    .summary("list, validate and change rules")
    .description("List, validate and change the rules that map names to registries.")
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
    .summary("list the rules")
    .description(
      "List the rules: names, upstreams and credentials, and why a rule cannot be used.",
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
    .summary("check rules against their upstreams")
    .description(
      "Check every rule, or one, against its upstream with its credentials. This does not count against pull rate limits. Exits with 1 if a rule is not valid.",
    )
    .argument("[name]", "name of a rule, from `rules list`")
    .option("--image <image>", "image that exists at the upstream, named without the prefix");
  return asking(
    command,
    ["rules validate", "rules validate docker.io --json", "rules validate team --image app:1"],
    "print the answer of the API as JSON; a list if no rule is given",
  ).action(validate);
}

function rulesOf(api: Api): Promise<RulesAnswer> {
  return api.ask("GET", "/api/rules");
}

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
    const answer = await api.ask<ValidationAnswer>("POST", `/api/rules/validate?${query}`);
    if (!answer.valid) process.exitCode = 1;
    all.push(answer);
    // Printed one by one: an unresponsive registry takes until its timeout.
    if (!options.json) for (const line of linesOf(answer)) say(line);
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
