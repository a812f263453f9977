// Answers of the API: JSON, which nobody keeps.

import { errorsBody } from "./respond.ts";

const HEADERS = {
  "Content-Type": "application/json",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
};

export function answerJson(body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(`${JSON.stringify(body, undefined, 2)}\n`, {
    headers: { ...HEADERS, ...headers },
  });
}

/** Several problems of one request. */
export function errorsResponse(messages: readonly string[], status: number): Response {
  return new Response(errorsBody("UNSUPPORTED", messages), { status, headers: HEADERS });
}
