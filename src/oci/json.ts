// JSON as others send it, within bounds: an object, a value, or nothing.

import { jsonProblem } from "./json-bounds.ts";

/** Undefined for what is no JSON, no object, or beyond the bounds (oci/json-bounds): the caller decides what that means. */
export function parseObject(json: Uint8Array | string): Record<string, unknown> | undefined {
  const body = parseForeign(json);
  return typeof body === "object" && body !== null && !Array.isArray(body)
    ? (body as Record<string, unknown>)
    : undefined;
}

/** The value; undefined for what is no JSON or beyond the bounds. A parser's own words are not told: they quote the text. */
export function parseForeign(json: Uint8Array | string): unknown {
  const bytes = typeof json === "string" ? new TextEncoder().encode(json) : json;
  if (jsonProblem(bytes) !== undefined) return undefined;
  try {
    return JSON.parse(typeof json === "string" ? json : new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
