// Responses: the headers that clients, caches and people with curl rely on. Errors are rendered here, once.

import type { ErrorCode } from "../../oci/error.ts";
import { asRegistryError } from "../../platform/rpc.ts";
import { renderCacheStatus } from "../../pull/cache-status.ts";
import type { Labelled } from "../../pull/stale.ts";
import { jsonText } from "../../text/plain.ts";

/** On every answer, so that a client knows a registry (distribution's legacy header; docker looks for it). */
const API_VERSION = { "Docker-Distribution-Api-Version": "registry/2.0" };

/** A browser that is led here does nothing with it. */
export const HARMLESS = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
};

/** On every answer under /v2/. Content is an upstream's, on the origin that has the console's cookie: a browser that is led to it
 * renders nothing, runs nothing, and lets no other site embed it. */
export const NO_PAGE = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; sandbox",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** How long a shared cache may give a digest to others, in s: no longer than a quarantine takes to hold here. */
const SHARED = 60;

/** What a digest names never changes, but whether it may be had does. `no-transform`: a proxy that compresses breaks digests and
 * lengths. */
function cacheControl(immutable: boolean, shared: boolean): string {
  if (!immutable) return "no-cache, no-transform";
  return shared
    ? `public, max-age=${SHARED}, no-transform`
    : "private, max-age=31536000, immutable, no-transform";
}

export interface Described extends Labelled {
  digest: string;
  mediaType: string;
  size: number | undefined;
  /** Named by digest, not by tag. */
  immutable: boolean;
  /** From an upstream that is asked without credentials, so that a shared cache may keep it. */
  shared: boolean;
}

export function contentHeaders(content: Described): Record<string, string> {
  return {
    ...API_VERSION,
    "Content-Type": content.mediaType,
    ...(content.size !== undefined && { "Content-Length": String(content.size) }),
    "Docker-Content-Digest": content.digest,
    ETag: `"${content.digest}"`,
    "Cache-Control": cacheControl(content.immutable, content.shared),
    ...labelHeaders(content),
  };
}

/** Where an answer comes from, how old it is, and why it is not younger: `Warning` in the form of RFC 7234, 5.5.7. */
export function labelHeaders({ status, age, warning }: Labelled): Record<string, string> {
  return {
    "Cache-Status": renderCacheStatus(status),
    ...(age !== undefined && { Age: String(age) }),
    ...(warning !== undefined && { Warning: `299 - "${quoted(warning)}"` }),
  };
}

function quoted(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, " ").replace(/["\\]/g, "\\$&");
}

/** RFC 9110, 13.1.2: weak comparison, a list, or `*`. */
export function matchesEtag(ifNoneMatch: string | null, digest: string): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch.split(",").some((entry) => {
    const tag = entry.trim().replace(/^W\//, "");
    return tag === "*" || tag === `"${digest}"`;
  });
}

/** @param more headers that the 200 would have beside the content's own (RFC 9110, 15.4.5) */
export function notModified(content: Described, more: Record<string, string> = {}): Response {
  const { "Content-Length": _, "Content-Type": __, ...headers } = contentHeaders(content);
  return new Response(null, { status: 304, headers: { ...headers, ...more } });
}

export function json(body: unknown, headers: Record<string, string> = {}): Response {
  const text = JSON.stringify(body);
  return new Response(text, {
    headers: {
      ...API_VERSION,
      "Content-Type": "application/json",
      "Cache-Control": "no-cache, no-transform",
      "Cache-Status": "entrepot",
      ...headers,
    },
  });
}

/** distribution-spec, "Error Codes". */
function errorsBody(code: ErrorCode, message: string): string {
  return jsonText({ errors: [{ code, message, detail: null }] });
}

/** The one place where errors become answers. */
export function errorResponse(error: unknown): Response {
  const { code, message, status, headers, upstreamStatus } = asRegistryError(error);
  const cacheStatus: Record<string, string> = upstreamStatus
    ? { "Cache-Status": renderCacheStatus({ fwd: "uri-miss", fwdStatus: upstreamStatus }) }
    : { "Cache-Status": "entrepot" };
  return new Response(errorsBody(code, message), {
    status,
    headers: {
      ...API_VERSION,
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      ...HARMLESS,
      ...cacheStatus,
      ...headers,
    },
  });
}
