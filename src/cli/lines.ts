// What the commands say, fit for a terminal whatever the cache has answered: one that is not what it seems, or that repeats what an
// upstream or a client said.

import { jsonText, plain, plainLines } from "../text/plain.ts";

const ALL = Number.POSITIVE_INFINITY;

/** A line on standard output. */
export function say(line: string): void {
  console.log(plain(line, ALL));
}

/** A line on standard error. */
export function complain(line: string): void {
  console.error(plain(line, ALL));
}

/** JSON for scripts, on standard output: what is unsafe is escaped, and nothing is lost. */
export function sayJson(value: unknown): void {
  console.log(jsonText(value, 2));
}

/** A text of our own, of several lines: a command's help, which may quote an argument. */
export const pages = {
  out: (text: string) => console.log(plainLines(text.trimEnd())),
  err: (text: string) => console.error(plainLines(text.trimEnd())),
};
