// `npm run entrepot -- explain IMAGE`: explains step by step what the result of a pull would be.

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
    .summary("explain what the result of a pull would be")
    .description(
      "Explain step by step what the result of a pull would be, without contacting the registry or changing anything. Exits with 1 if the next pull by an authorized client would fail.",
    )
    .argument(
      "<image>",
      "image as clients name it, by tag or @digest, with or without the cache's host",
    )
    .option(
      "--ns <registry>",
      "registry that containerd would send to its mirror, such as docker.io",
    )
    .option("--host <host>", "host that the client would use, such as a rule's host");
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
  const answer = await openApi(options.url).ask<StoryAnswer>("GET", `/api/explain?${query}`);
  print(answer, options, ({ steps }) => {
    const width = Math.max(9, ...steps.map(({ about }) => about.length + 1));
    return [
      answer.reference,
      ...steps.map(({ about, mark, text }) => `${SIGNS[mark]} ${about.padEnd(width)}${text}`),
    ];
  });
  if (answer.status >= 400) process.exitCode = 1;
}
