// Shared parts of commands: the options --url and --json, examples in the help, and parsers of option values.

import { type Command, InvalidArgumentError } from "commander";
import { say, sayJson } from "./lines.ts";

/** Options of every command that calls the API. */
export interface Asking {
  url?: string;
  json?: boolean;
}

/** Adds these options to a command, after its own, and examples to its help.
 * @param json help text of --json */
export function asking(
  command: Command,
  examples: readonly string[],
  json = "print the answer of the API as JSON",
): Command {
  command
    .option("--url <url>", "address of the cache (default: the one of npm start)")
    .option("--json", json);
  return withExamples(command, examples);
}

/** @param examples as typed after `npm run entrepot -- `; an explanation may follow after three spaces */
export function withExamples(command: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ npm run entrepot -- ${example}`);
  return command.addHelpText("after", ["", "Examples:", ...lines].join("\n"));
}

/** Prints an answer as JSON with --json, otherwise as lines.
 * @param lines formats the answer for people */
export function print<T>(
  answer: T,
  { json }: Asking,
  lines: (answer: T) => readonly string[],
): void {
  if (json) sayJson(answer);
  else for (const line of lines(answer)) say(line);
}

/** Parses an option's value: a list with commas, or an option given more than once. */
export function listed(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(",").map((one) => one.trim())];
}

/** Parses an option's value. */
export function signedNumber(text: string): string {
  if (/^-?\d+$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a whole number.");
}

/** Parses an option's value. */
export function wholeNumber(text: string): string {
  if (/^\d+$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a whole number.");
}
