// Answers of the API: JSON, which nobody keeps.

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

/** Several problems of one request, in the form of the registry's errors (distribution-spec, "Error Codes"). */
export function errorsResponse(messages: readonly string[], status: number): Response {
  const errors = messages.map((message) => ({ code: "UNSUPPORTED", message, detail: null }));
  return new Response(JSON.stringify({ errors }), { status, headers: HEADERS });
}
