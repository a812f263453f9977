// Refusal of one signature, with its reason; foreign text in it is made safe and short.

import { plain } from "../text/plain.ts";
import { MAX_REASON } from "./contract.ts";

/** A signature that does not count. The message is a clause that follows "the signature in …". */
export class Refused extends Error {}

export function refuse(why: string): never {
  throw new Refused(why);
}

/** Runs a parser or verifier of foreign data: whatever it throws becomes a refusal.
 * @param what the clause's beginning, such as "has a malformed bundle" */
export function refusing<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused(`${what}: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const { cause, message } = error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

/** The clause of whatever was thrown. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Refused ? error.message : `is malformed: ${messageOf(error)}`;
  return shown(text);
}

export function shown(text: string): string {
  return plain(text, MAX_REASON - 1);
}
