// `npm run lifecycle -- policies | put | take-back`: which policies are in force, and putting others in force in their place.

import { Command } from "commander";
import type { PoliciesAnswer, PolicyAnswer } from "../api/lifecycle.ts";
import { LIFECYCLE } from "../config/added.ts";
import { openApi, textOf } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { timeOf } from "./words.ts";

const PATH = "/api/lifecycle/policies";

export function policyCommands(): Command[] {
  return [policiesCommand(), putCommand(), takeBackCommand()];
}

function policiesCommand(): Command {
  const command = new Command("policies")
    .summary("which policies are in force")
    .description("Shows the policies in force, as they are written: of all names, and of rules.");
  return asking(command, ["lifecycle policies", "lifecycle policies --json"]).action(
    async (options: Asking) => {
      const told = await openApi(options.url).ask<PoliciesAnswer>("GET", PATH);
      print(told, options, ({ policies }) => policies.flatMap(linesOf));
    },
  );
}

function putCommand(): Command {
  const command = new Command("put")
    .summary("puts policies in force")
    .description(
      "Puts a policy, or a list of them, in force in place of LIFECYCLE, everywhere within a minute; rules' own stay. See first what it would expire: lifecycle preview --policy FILE --in-force.",
    )
    .argument("<file>", "with the policies in JSON, - for standard input");
  return asking(command, [
    "lifecycle put policy.json",
    "lifecycle put policy.json --url https://mirror.example.com",
  ]).action(async (file: string, options: Asking) => {
    const told = await openApi(options.url).ask<PolicyAnswer>("PUT", PATH, textOf(file));
    print(told, options, linesOf);
  });
}

function takeBackCommand(): Command {
  const command = new Command("take-back")
    .summary("takes them back")
    .description("Takes back what was put in force: what is configured is in force again.");
  return asking(command, ["lifecycle take-back", "lifecycle take-back --json"]).action(
    async (options: Asking) => {
      print(await openApi(options.url).ask<PolicyAnswer>("DELETE", PATH), options, linesOf);
    },
  );
}

const SOURCES: Record<PolicyAnswer["source"], string> = {
  default: "as they are shipped",
  configuration: "of the configuration",
  api: "put in force",
};

function linesOf({
  owner,
  source,
  policies,
  problem,
  changedAt,
  changedBy,
}: PolicyAnswer): string[] {
  const by = changedAt === undefined ? "" : ` by ${changedBy} at ${timeOf(changedAt)}`;
  return [
    `${owner === LIFECYCLE ? "all names" : `the rule ${owner}`}: ${SOURCES[source]}${by}`,
    ...(problem === undefined ? [] : [`  what was put in force cannot be used: ${problem}`]),
    ...JSON.stringify(policies, undefined, 2)
      .split("\n")
      .map((line) => `  ${line}`),
  ];
}
