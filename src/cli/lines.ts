// Output of the commands, made safe for a terminal: an answer may come from a hostile server, or quote an upstream or a client.

import { jsonText, plain, plainLines } from "../text/plain.ts";

const ALL = Number.POSITIVE_INFINITY;

/** Prints a line on standard output. */
export function say(line: string): void {
  console.log(plain(line, ALL));
}

/** Prints a line on standard error. */
export function complain(line: string): void {
  console.error(plain(line, ALL));
}

/** Prints JSON on standard output; unsafe characters are escaped, none are lost. */
export function sayJson(value: unknown): void {
  console.log(jsonText(value, 2));
}

/** Prints text of several lines: a command's help, which may quote an argument. */
export const pages = {
  out: (text: string) => console.log(plainLines(text.trimEnd())),
  err: (text: string) => console.error(plainLines(text.trimEnd())),
};
