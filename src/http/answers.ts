// Answers of the API: JSON, which nobody keeps.

import { errorsBody } from "./respond.ts";

/** A browser that is led here does nothing with it. */
export const HARMLESS = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
};

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
  return new Response(`${JSON.stringify(body, undefined, 2)}\n`, {
    status,
    headers: { ...HEADERS, ...headers },
  });
}

/** As people and programs read times. */
export function timeOf(at: number): string {
  return new Date(at).toISOString();
}

/** Several problems of one request. */
export function errorsResponse(messages: readonly string[], status: number): Response {
  return new Response(errorsBody("UNSUPPORTED", messages), { status, headers: HEADERS });
}
