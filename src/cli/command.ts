// What the commands have in common: options that say which cache is asked and how the answer is printed, and the end of their help.

import { type Command, InvalidArgumentError } from "commander";
import { say, sayJson } from "./lines.ts";

/** Of every command that asks a cache. */
export interface Asking {
  url?: string;
  json?: boolean;
}

/** Gives a command these options, behind its own, and examples in its help.
 * @param json what it prints then */
export function asking(
  command: Command,
  examples: readonly string[],
  json = "prints what the API answers",
): Command {
  command
    .option("--url <url>", "of the cache; without, the one of npm start")
    .option("--json", json);
  return withExamples(command, examples);
}

/** @param examples as they are typed, behind `npm run entrepot -- `; what one is for may follow, three spaces behind it */
export function withExamples(command: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ npm run entrepot -- ${example}`);
  return command.addHelpText("after", ["", "Examples:", ...lines].join("\n"));
}

/** @param lines for people */
export function print<T>(told: T, { json }: Asking, lines: (told: T) => readonly string[]): void {
  if (json) sayJson(told);
  else for (const line of lines(told)) say(line);
}

/** An option's value: a list with commas, or given more than once. */
export function listed(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(",").map((one) => one.trim())];
}

/** An option's value. */
export function wholeNumber(text: string): string {
  if (/^\d+$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a whole number.");
}
