// The registry itself (OCI distribution 1.1, pull and discovery), with nothing wrong with it.

import type { IncomingMessage } from "node:http";
import { type Answer, json, refusal } from "./answer.ts";
import { given, text } from "./content.ts";
import { referrers } from "./referrers.ts";
import type { Repository } from "./repositories.ts";
import type { Asked } from "./route.ts";
import type { State } from "./state.ts";

const VERSION = { "docker-distribution-api-version": "registry/2.0" };
const DIGEST = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function registry(state: State, asked: Asked, req: IncomingMessage): Answer {
  if (req.method !== "GET" && req.method !== "HEAD")
    return refusal(405, "UNSUPPORTED", { allow: "GET, HEAD" });
  if (asked.kind === "ping") return json(200, {}, VERSION);
  if (asked.kind === "other") return refusal(404, "NAME_UNKNOWN");
  const repository = state.repositories.find(asked.repository);
  if (!repository) return refusal(404, "NAME_UNKNOWN");
  switch (asked.kind) {
    case "manifest":
      return manifest(repository, asked.reference, req);
    case "blob":
      return blob(repository, asked.reference, req);
    case "tags":
      return tags(repository, asked);
    default:
      return referrers(repository, asked);
  }
}

function manifest(repository: Repository, reference: string, req: IncomingMessage): Answer {
  if (reference.includes(":") && !DIGEST.test(reference)) return refusal(400, "DIGEST_INVALID");
  const found = repository.manifests.get(repository.tags.get(reference) ?? reference);
  if (!found) return refusal(404, "MANIFEST_UNKNOWN");
  const headers = {
    ...VERSION,
    "content-type": found.mediaType,
    "docker-content-digest": found.digest,
  };
  return conditional({ status: 200, headers, content: given(found.bytes) }, found.digest, req);
}

function blob(repository: Repository, digest: string, req: IncomingMessage): Answer {
  if (!DIGEST.test(digest)) return refusal(400, "DIGEST_INVALID");
  const content = repository.blobs.get(digest);
  if (!content) return refusal(404, "BLOB_UNKNOWN");
  const headers = {
    ...VERSION,
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    "cache-control": "max-age=31536000",
  };
  return conditional({ status: 200, headers, content }, digest, req);
}

function conditional(answer: Answer, digest: string, req: IncomingMessage): Answer {
  const etag = `"${digest}"`;
  const headers = { ...answer.headers, etag };
  return req.headers["if-none-match"] === etag
    ? { status: 304, headers, content: text("") }
    : { ...answer, headers };
}

function tags(repository: Repository, { repository: name, url }: Asked): Answer {
  const last = url.searchParams.get("last") ?? "";
  const limit = Number(url.searchParams.get("n") ?? Number.POSITIVE_INFINITY);
  if (Number.isNaN(limit) || limit < 0) return refusal(400, "PAGINATION_NUMBER_INVALID");
  const { tagPage = Number.POSITIVE_INFINITY, tagLimit = limit } = repository.settings;
  const { tagLimitStatus = 400, tagLink = "path" } = repository.settings;
  if (url.searchParams.has("n") && limit > tagLimit)
    return refusal(tagLimitStatus, "PAGINATION_NUMBER_INVALID", {}, `n is at most ${tagLimit}`);
  const n = Math.min(limit, tagPage);
  const rest = [...repository.tags.keys()].sort().filter((tag) => tag > last);
  const page = rest.slice(0, n);
  const headers: Record<string, string> = { ...VERSION };
  if (n > 0 && rest.length > n && tagLink !== "none") {
    const next = `?${new URLSearchParams({ n: String(n), last: page.at(-1) ?? "" })}`;
    const path = `/v2/${name}/tags/list${next}`;
    const targets = {
      path,
      absolute: `http://${url.host}${path}`,
      internal: `http://registry.registry.svc.cluster.local:5000${path}`,
      relative: `list${next}`,
      query: next,
    };
    headers.link = `<${targets[tagLink]}>; rel="next"`;
  }
  return json(200, { name, tags: page }, headers);
}
