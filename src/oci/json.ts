// Foreign JSON, parsed within bounds.

import { jsonProblem } from "./json-bounds.ts";

/** The object; undefined for invalid JSON, for other values, and beyond the bounds (oci/json-bounds). */
export function parseObject(json: Uint8Array | string): Record<string, unknown> | undefined {
  const body = parseForeign(json);
  return isObject(body) ? body : undefined;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value; undefined for invalid JSON and beyond the bounds. The parser's message is dropped, since it quotes the text. */
export function parseForeign(json: Uint8Array | string): unknown {
  const bytes = typeof json === "string" ? new TextEncoder().encode(json) : json;
  if (jsonProblem(bytes) !== undefined) return undefined;
  try {
    return JSON.parse(typeof json === "string" ? json : new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
