// `npm run entrepot -- explain IMAGE`: what would come of a pull, and why, as a story.

import { Command } from "commander";
import type { StoryAnswer } from "../api/explain.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { SIGNS } from "./words.ts";

interface Options extends Asking {
  ns?: string;
  host?: string;
}

export function explainCommand(): Command {
  const command = new Command("explain")
    .summary("what would come of a pull, and why")
    .description(
      "What would come of a pull, and why, step by step. Nothing is asked of the registry, and nothing is changed. Ends with 1 where the next pull of somebody who may would fail.",
    )
    .argument(
      "<image>",
      "as a client names it, with the cache's host in front or without; by tag or @digest",
    )
    .option("--ns <registry>", "as a mirror of containerd's is asked: docker.io")
    .option("--host <host>", "as a rule's host is asked");
  return asking(command, [
    "explain docker.io/library/alpine:3",
    "explain library/alpine:3 --ns docker.io   as containerd asks its mirror",
    "explain docker.io/library/alpine:3 --url https://mirror.example.com --json",
  ]).action(explain);
}

async function explain(reference: string, options: Options): Promise<void> {
  const query = new URLSearchParams({ reference });
  for (const name of ["ns", "host"] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
  const told = await openApi(options.url).ask<StoryAnswer>("GET", `/api/explain?${query}`);
  print(told, options, ({ steps }) => [
    told.reference,
    ...steps.map(({ about, mark, text }) => `${SIGNS[mark]} ${about.padEnd(9)}${text}`),
  ]);
  if (told.status >= 400) process.exitCode = 1;
}
