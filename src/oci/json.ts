// JSON as others send it: an object, or nothing.

/** Undefined for what is no JSON, or no object: the caller decides what that means. */
export function parseObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof body === "object" && body !== null && !Array.isArray(body)
      ? (body as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
