// What a check expects; a failure says what came instead.

import { type Asked, render } from "./access-log.ts";

export function expectEqual(what: string, found: unknown, expected: unknown): void {
  if (found === expected) return;
  throw new Error(`${what}: expected ${String(expected)}, found ${String(found)}`);
}

/** The upstream was asked for nothing. */
export function expectSilence(asked: Asked[]): void {
  if (asked.length === 0) return;
  throw new Error(`the upstream was asked ${asked.length} times:\n${render(asked.slice(0, 20))}`);
}

export function expectMatch(what: string, found: string, pattern: RegExp): void {
  if (!pattern.test(found)) throw new Error(`${what} is not ${pattern}:\n${found}`);
}
