// The registry API, pull and discovery (OCI distribution-spec 1.1): from what was asked to the answer.

import type { Config } from "../config/read.ts";
import { RegistryError } from "../oci/error.ts";
import { OCI_INDEX } from "../oci/manifest.ts";
import { type Asked, parsePath } from "../oci/path.ts";
import { routeByPrefix } from "../policy/route.ts";
import type { Source } from "../policy/source.ts";
import { headBlob, type PulledBlob, pullBlob } from "../pull/blob.ts";
import { renderCacheStatus } from "../pull/cache-status.ts";
import type { House } from "../pull/house.ts";
import { pullByDigest, pullByTag } from "../pull/manifest.ts";
import { pullReferrers } from "../pull/referrers.ts";
import { pullTags } from "../pull/tags.ts";
import { contentHeaders, type Described, json, matchesEtag, notModified } from "./respond.ts";

/** @param now in ms since the epoch */
export async function answerRegistry(
  config: Config,
  house: House,
  request: Request,
  now: number,
): Promise<Response> {
  const url = new URL(request.url);
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new RegistryError("UNSUPPORTED", "this is a cache: it is pulled from, not pushed to", {
      headers: { Allow: "GET, HEAD" },
    });
  }
  const asked = parsePath(url.pathname);
  if (asked.kind === "ping") return json({});
  const source = sourceOf(config, asked.name);
  switch (asked.kind) {
    case "manifest":
      return manifest(house, source, asked, request, now);
    case "blob":
      return blob(house, source, asked.digest, request);
    case "tags": {
      const { tags, next } = await pullTags(house, source, url.searchParams);
      return json({ name: asked.name, tags }, listHeaders(url, next));
    }
    case "referrers": {
      const { manifests, next } = await pullReferrers(
        house,
        source,
        asked.digest,
        url.searchParams,
      );
      const filtered = url.searchParams.has("artifactType") && {
        "OCI-Filters-Applied": "artifactType",
      };
      const headers = { ...listHeaders(url, next), ...filtered, "Content-Type": OCI_INDEX };
      return json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, headers);
    }
  }
}

function sourceOf(config: Config, name: string): Source {
  const routed = routeByPrefix(config.rules, name);
  if (!routed)
    throw new RegistryError("NAME_UNKNOWN", `no rule has a prefix for the name "${name}"`);
  const { rule, problem } = routed.configured;
  if (problem)
    throw new RegistryError("UNKNOWN", `the rule "${rule.prefixes[0]}" cannot be used: ${problem}`);
  return { rule, repository: routed.repository };
}

async function manifest(
  house: House,
  source: Source,
  asked: Asked & { kind: "manifest" },
  request: Request,
  now: number,
): Promise<Response> {
  const head = request.method === "HEAD";
  const wanted = { head, accept: request.headers.get("accept") ?? undefined, now };
  const pulled =
    asked.digest === undefined
      ? await pullByTag(house, source, asked.tag, wanted)
      : await pullByDigest(house, source, asked.digest, wanted);
  const described = { ...pulled, ...caching(source, asked.digest !== undefined) };
  const vary: Record<string, string> = asked.digest === undefined ? { Vary: "Accept" } : {};
  if (matchesEtag(request.headers.get("if-none-match"), pulled.digest))
    return notModified(described, vary);
  return new Response(head ? null : (pulled.bytes ?? null), {
    headers: { ...contentHeaders(described), ...vary },
  });
}

async function blob(
  house: House,
  source: Source,
  digest: Described["digest"] & PulledBlob["digest"],
  request: Request,
): Promise<Response> {
  const condition = request.headers.get("if-none-match");
  const matches = matchesEtag(condition, digest);
  const head = request.method === "HEAD";
  const pulled =
    head || matches
      ? await headBlob(house, source, digest)
      : await pullBlob(house, source, digest, rangeOf(request, digest));
  const described = { ...pulled, mediaType: "application/octet-stream", ...caching(source, true) };
  if (matches) return notModified(described);
  const headers: Record<string, string> = {
    ...contentHeaders(described),
    "Accept-Ranges": "bytes",
  };
  if (!pulled.writeTo) return new Response(null, { headers });
  const { range, size } = pulled;
  if (range) {
    headers["Content-Length"] = String(range.last - range.first + 1);
    headers["Content-Range"] = `bytes ${range.first}-${range.last}/${size}`;
  }
  const length = range ? range.last - range.first + 1 : size;
  const { readable, writable } =
    length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
  send(pulled, writable, digest);
  return new Response(readable, { status: range ? 206 : 200, headers });
}

/** Feeds the answer while it is being sent. What fails breaks the transfer: it must never end as if it were whole. */
function send(pulled: PulledBlob, writable: WritableStream, digest: string): void {
  pulled
    .writeTo?.(writable)
    .then(
      () => writable.close(),
      (error: Error) => {
        console.warn(`entrepot: an answer with ${digest} was broken off: ${error.message}`);
        return writable.abort(error);
      },
    )
    .catch(() => {}); // the client is gone: there is nobody left to tell
}

/** A range counts only for the representation that If-Range names (RFC 9110, 13.1.5); there is no date to compare. */
function rangeOf(request: Request, digest: string): string | undefined {
  const condition = request.headers.get("if-range");
  if (condition !== null && condition !== `"${digest}"`) return undefined;
  return request.headers.get("range") ?? undefined;
}

function caching(source: Source, immutable: boolean): { immutable: boolean; shared: boolean } {
  return { immutable, shared: source.rule.credentials === undefined };
}

function listHeaders(url: URL, next: URLSearchParams | undefined): Record<string, string> {
  const link: Record<string, string> = next
    ? { Link: `<${url.pathname}?${next}>; rel="next"` }
    : {};
  return { "Cache-Status": renderCacheStatus({ fwd: "bypass" }), ...link };
}
