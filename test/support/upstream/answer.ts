// An answer before it is sent: status, headers and content, in the registry's terms.

import type { Kind } from "../wire.ts";
import { type Content, text } from "./content.ts";

export interface Answer {
  status: number;
  headers: Record<string, string>;
  content: Content;
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    content: text(JSON.stringify(value)),
  };
}

/** An error as the OCI specification writes it. */
export function refusal(
  status: number,
  code: string,
  headers: Record<string, string> = {},
  message = code.toLowerCase().replaceAll("_", " "),
): Answer {
  return json(status, { errors: [{ code, message, detail: null }] }, headers);
}

/** The error a registry would give with this status. */
export function failure(status: number, kind: Kind): Answer {
  const missing: Partial<Record<Kind, string>> = {
    blob: "BLOB_UNKNOWN",
    manifest: "MANIFEST_UNKNOWN",
  };
  const codes: Record<number, string> = {
    401: "UNAUTHORIZED",
    403: "DENIED",
    404: missing[kind] ?? "NAME_UNKNOWN",
    405: "UNSUPPORTED",
    429: "TOOMANYREQUESTS",
  };
  return refusal(status, codes[status] ?? "UNKNOWN");
}

/** What a proxy or a portal in between answers, with 200. */
export function page(): Answer {
  return {
    status: 200,
    headers: { "content-type": "text/html; charset=utf-8" },
    content: text("<!doctype html><title>Sign in</title><h1>Sign in to the network</h1>\n"),
  };
}
