// JSON responses of the API, never cached.

import { jsonText } from "../../text/plain.ts";
import { HARMLESS } from "./respond.ts";

const HEADERS = {
  "Content-Type": "application/json",
  "Cache-Control": "no-store",
  ...HARMLESS,
};

export function answerJson(
  body: unknown,
  headers: Record<string, string> = {},
  status = 200,
): Response {
  return new Response(`${jsonText(body, 2)}\n`, {
    status,
    headers: { ...HEADERS, ...headers },
  });
}

/** ISO 8601 time; `at` is in ms since the epoch. */
export function timeOf(at: number): string {
  return new Date(at).toISOString();
}
