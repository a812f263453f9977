// Responses: headers for registry clients, caches and curl users, and the rendering of errors.

import { type ErrorCode, RegistryError } from "../../oci/error.ts";
import { asRegistryError } from "../../platform/rpc.ts";
import { renderCacheStatus } from "../../pull/cache-status.ts";
import type { Labelled } from "../../pull/stale.ts";
import { jsonText } from "../../text/plain.ts";

/** On every response: clients such as docker recognize a registry by this legacy header of distribution. */
const API_VERSION = { "Docker-Distribution-Api-Version": "registry/2.0" };

/** Keeps browsers from rendering a response. */
export const HARMLESS = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
};

/** On every response under /v2/. Attack: content from an upstream is served on the origin that holds the console's cookie;
 * with these headers a browser renders nothing, runs nothing, and lets no other site embed it. */
export const NO_PAGE = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; sandbox",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** How long a shared cache may serve a digest, in s: no longer than a quarantine takes to become effective here. */
const SHARED_MAX_AGE = 60;

/** Content of a digest never changes, but access to it may. `no-transform`, because compressing proxies break digests and
 * lengths. */
function cacheControl(immutable: boolean, shared: boolean): string {
  if (!immutable) return "no-cache, no-transform";
  return shared
    ? `public, max-age=${SHARED_MAX_AGE}, no-transform`
    : "private, max-age=31536000, immutable, no-transform";
}

export interface Described extends Labelled {
  digest: string;
  mediaType: string;
  size: number | undefined;
  /** Requested by digest, not by tag. */
  immutable: boolean;
  /** Pulled from the upstream without credentials, so a shared cache may store it. */
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

/** When a tag that is held at an older digest will mean the new one here; "release" if that takes an administrator. */
const HELD_UNTIL = "Entrepot-Held-Until";

/** Where a response comes from, its age, why it is stale, and until when a tag is held; `Warning` in the form of RFC 7234, 5.5.7. */
export function labelHeaders(label: Labelled): Record<string, string> {
  const { status, age, warning, heldUntil } = label;
  return {
    "Cache-Status": renderCacheStatus(status),
    ...(age !== undefined && { Age: String(age) }),
    ...(warning !== undefined && { Warning: `299 - "${quoted(warning)}"` }),
    ...(typeof heldUntil === "number" && { [HELD_UNTIL]: new Date(heldUntil).toISOString() }),
    ...(heldUntil === null && { [HELD_UNTIL]: "release" }),
  };
}

function quoted(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, " ").replace(/["\\]/g, "\\$&");
}

/** RFC 9110, 13.1.2: weak comparison with a list or `*`. */
export function matchesEtag(ifNoneMatch: string | null, digest: string): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch.split(",").some((entry) => {
    const tag = entry.trim().replace(/^W\//, "");
    return tag === "*" || tag === `"${digest}"`;
  });
}

/** @param more headers that the 200 response would have besides the content's own (RFC 9110, 15.4.5) */
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

/** For a path that leads nowhere. */
export function nothingHere(): RegistryError {
  const message = "there is nothing here; the registry API is under /v2/";
  return new RegistryError("UNSUPPORTED", message, { status: 404 });
}

/** The only place where errors become responses. */
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
