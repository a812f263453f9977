// Headers of upstream answers: bounded before any is parsed or stored, and without those that repeat a secret that was
// sent. The platform accepts 512 KiB of headers in any number (measured).

import { repeats } from "../../text/repeated.ts";
import { parseChallenges } from "../authorization/challenge.ts";

/** Maximum number of headers of an answer, and maximum length of one and of all, in characters: a registry sends
 * about twenty, and web servers accept 8 to 32 KiB. */
export const MAX_HEADERS = 256;
export const MAX_HEADER_LENGTH = 16 * 1024;
export const MAX_TOTAL_LENGTH = 64 * 1024;

/** Describes what exceeds a bound, to follow a host's name; undefined where nothing does. */
export function excessOf(headers: Headers): string | undefined {
  let [count, all] = [0, 0];
  for (const [name, { length }] of headers) {
    count += 1;
    all += name.length + length;
    if (count > MAX_HEADERS) return `answered with more than ${MAX_HEADERS} headers`;
    if (length > MAX_HEADER_LENGTH)
      return `answered with a header ${shownName(name)} longer than ${MAX_HEADER_LENGTH} characters`;
    if (all > MAX_TOTAL_LENGTH)
      return `answered with headers longer than ${MAX_TOTAL_LENGTH} characters together`;
  }
  return undefined;
}

function shownName(name: string): string {
  return name.length <= 64 ? name : `${name.slice(0, 64)}…`;
}

const CHALLENGE = "www-authenticate";

/** Returns the answer without headers that repeat a secret: a Content-Type, a Link and a realm's host are stored or
 * sent to clients. A challenge keeps its other parameters: a token service that quotes an expired token still names
 * the realm for the next one. */
export function withoutSecrets(response: Response, secrets: readonly string[]): Response {
  if (secrets.length === 0) return response;
  const given = [...response.headers];
  if (!repeats(given.map(([, value]) => value).join("\n"), secrets)) return response;
  const cleaned = new Response(response.body, response);
  for (const [name, value] of given) if (repeats(value, secrets)) cleaned.headers.delete(name);
  const challenge = response.headers.get(CHALLENGE);
  if (challenge !== null && !cleaned.headers.has(CHALLENGE))
    cleaned.headers.set(CHALLENGE, challengeWithout(challenge, secrets));
  return cleaned;
}

function challengeWithout(challenge: string, secrets: readonly string[]): string {
  const challenges = parseChallenges(challenge).map(({ scheme, parameters }) => {
    const left = [...parameters].filter(([, value]) => !repeats(value, secrets));
    const texts = left.map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`);
    return `${scheme} ${texts.join(", ")}`;
  });
  return challenges.join(", ");
}
