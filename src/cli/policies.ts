// `npm run lifecycle -- policies | put | take-back`: shows the policies in force, and sets or removes those of the API.

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
    .summary("show the policies in force")
    .description(
      "Show the policies in force as JSON: those of all names, and those of single rules.",
    );
  return asking(command, ["lifecycle policies", "lifecycle policies --json"]).action(
    async (options: Asking) => {
      const answer = await openApi(options.url).ask<PoliciesAnswer>("GET", PATH);
      print(answer, options, ({ policies }) => policies.flatMap(linesOf));
    },
  );
}

function putCommand(): Command {
  const command = new Command("put")
    .summary("set policies")
    .description(
      "Set a policy, or a list of them, in place of the variable LIFECYCLE, everywhere within a minute. Policies of single rules stay. To see first what would expire: lifecycle preview --policy FILE --in-force.",
    )
    .argument("<file>", "JSON file with the policies, - for standard input");
  return asking(command, [
    "lifecycle put policy.json",
    "lifecycle put policy.json --url https://mirror.example.com",
  ]).action(async (file: string, options: Asking) => {
    const answer = await openApi(options.url).ask<PolicyAnswer>("PUT", PATH, textOf(file));
    print(answer, options, linesOf);
  });
}

function takeBackCommand(): Command {
  const command = new Command("take-back")
    .summary("remove the policies set by put")
    .description("Remove the policies set by put: the configured ones apply again.");
  return asking(command, ["lifecycle take-back", "lifecycle take-back --json"]).action(
    async (options: Asking) => {
      print(await openApi(options.url).ask<PolicyAnswer>("DELETE", PATH), options, linesOf);
    },
  );
}

const SOURCES: Record<PolicyAnswer["source"], string> = {
  default: "the default",
  configuration: "from the configuration",
  api: "set through the API",
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
    `${owner === LIFECYCLE ? "all names" : `rule ${owner}`}: ${SOURCES[source]}${by}`,
    ...(problem === undefined
      ? []
      : [`  the policies set through the API cannot be used: ${problem}`]),
    ...JSON.stringify(policies, undefined, 2)
      .split("\n")
      .map((line) => `  ${line}`),
  ];
}
