// Registry API, pull and discovery (OCI distribution-spec 1.1): from the request to the response.

import type { Seals } from "../../access/tokens/seals.ts";
import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { OCI_INDEX } from "../../oci/manifest.ts";
import { parsePath, type RegistryRequest } from "../../oci/path.ts";
import { headBlob, type PulledBlob, pullBlob } from "../../pull/blob.ts";
import { pullByDigest, pullByTag } from "../../pull/manifest.ts";
import type { Pull } from "../../pull/pull.ts";
import { pullReferrers } from "../../pull/referrers.ts";
import type { RepositoryRequest } from "../../pull/request.ts";
import type { Kind } from "../../pull/served.ts";
import type { PullServices } from "../../pull/services.ts";
import type { Labelled } from "../../pull/stale.ts";
import { pullTags } from "../../pull/tags.ts";
import { type Entry, entryOf, type Recorder } from "../shared/recorder.ts";
import {
  contentHeaders,
  type Described,
  json,
  labelHeaders,
  matchesEtag,
  notModified,
} from "../shared/respond.ts";
import { reportUse, unlessQuiet } from "./image-use.ts";
import { ListPages } from "./list-pages.ts";
import type { Admitted, RegistryAuth, Visitor } from "./registry-auth.ts";
import { forContainerd, isNoCache, rangeOf } from "./request-headers.ts";

/** Source of the referrers: the upstream's API (`api`), the fallback tag (`tag`), or neither (`none`, an empty list). */
const REFERRERS_FROM = "Entrepot-Referrers";

/** The pull context, with what determines response caching and what is recorded. */
type RegistryPull = Pull &
  Pick<Described, "shared"> &
  Pick<Admitted, "touches"> & { entry: Entry; seals: Seals };

/** A client's request, admitted to a repository. */
interface AdmittedRequest extends RepositoryRequest {
  readonly pull: RegistryPull;
  readonly request: Request;
  readonly url: URL;
}

export function answerRegistry(
  registryAuth: RegistryAuth,
  services: PullServices,
  recorder: Recorder,
  visitor: Visitor,
): Promise<Response> {
  const counts = services.served.flush(visitor.now);
  if (counts) console.log(JSON.stringify({ message: "entrepot: served", ...counts }));
  const entry = entryOf(visitor);
  const visit = { host: visitor.url.host, now: visitor.now, later: visitor.later };
  return recorder.record(entry, visit, async () => {
    try {
      return await handle(registryAuth, services, visitor, entry);
    } catch (error) {
      throw visitor.url.searchParams.has("ns") ? forContainerd(error) : error;
    }
  });
}

async function handle(
  registryAuth: RegistryAuth,
  services: PullServices,
  visitor: Visitor,
  entry: Entry,
): Promise<Response> {
  const { request, url, now, later } = visitor;
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new RegistryError("UNSUPPORTED", "this cache is read-only: pushing is not supported", {
      headers: { Allow: "GET, HEAD" },
    });
  }
  const wanted = parsePath(url.pathname);
  const { steps } = entry;
  entry.kind = wanted.kind;
  if (wanted.kind === "ping") {
    await steps.time("door", registryAuth.ping(visitor));
    return json({});
  }
  entry.name = wanted.name;
  const reference = referenceOf(wanted);
  if (reference !== undefined) entry.reference = reference;
  const admitted = await steps.time("door", registryAuth.admit(wanted.name, visitor, entry));
  const { source, quarantined, allowances, isPublic, who, requester, touches } = admitted;
  entry.source = source;
  entry.who = who;
  const { rule } = source;
  const noCache = rule.allowNoCache && isNoCache(request.headers.get("cache-control"));
  const deadline = now + rule.firstByteTimeout;
  const shared = isPublic && rule.credentials.length === 0;
  const visit = { host: url.host, now, later };
  const seals = registryAuth.seals(visitor);
  entry.findings = [];
  const held = { quarantined, allowances, findings: entry.findings };
  const { signers } = registryAuth;
  const known = { ...held, signers, requester, touches, steps, entry, seals };
  const pull = { ...visit, deadline, noCache, shared, ...known };
  return answer({ services, source, pull, request, url }, wanted);
}

function referenceOf(wanted: Exclude<RegistryRequest, { kind: "ping" }>): string | undefined {
  if (wanted.kind === "tags") return undefined;
  return wanted.kind === "manifest" ? (wanted.digest ?? wanted.tag) : wanted.digest;
}

async function answer(
  admitted: AdmittedRequest,
  wanted: Exclude<RegistryRequest, { kind: "ping" }>,
): Promise<Response> {
  const { source, pull, url } = admitted;
  switch (wanted.kind) {
    case "manifest":
      return manifest(admitted, wanted);
    case "blob":
      return blob(admitted, wanted.digest);
    case "tags": {
      const pages = new ListPages(source, undefined, url, pull.seals);
      const page = await pages.requested();
      const { tags, next, ...label } = await pullTags(admitted, page);
      note(admitted, "list", label);
      return json({ name: wanted.name, tags }, await listHeaders(pages, next, label));
    }
    case "referrers": {
      const { digest } = wanted;
      const pages = new ListPages(source, digest, url, pull.seals);
      const page = await pages.requested();
      const type = url.searchParams.get("artifactType");
      const pulled = await pullReferrers({ ...admitted, digest }, page, type);
      const { manifests, next, from, ...label } = pulled;
      note(admitted, "list", label);
      const filtered = type !== null && { "OCI-Filters-Applied": "artifactType" };
      const links = await listHeaders(pages, next, label);
      const origin = from && { [REFERRERS_FROM]: from };
      const headers = { ...links, ...filtered, ...origin, "Content-Type": OCI_INDEX };
      return json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, headers);
    }
  }
}

async function manifest(
  admitted: AdmittedRequest,
  { tag, digest }: RegistryRequest & { kind: "manifest" },
): Promise<Response> {
  const { services, source, pull, request } = admitted;
  const head = request.method === "HEAD";
  const manifestRequest = { ...admitted, head, accept: request.headers.get("accept") ?? undefined };
  const pulled =
    digest === undefined
      ? await pullByTag({ ...manifestRequest, tag })
      : await pullByDigest({ ...manifestRequest, digest });
  pull.entry.digest = pulled.digest;
  const matches = matchesEtag(request.headers.get("if-none-match"), pulled.digest);
  const isPull = !head && !matches;
  note(admitted, "manifest", pulled, isPull);
  reportUse(admitted, tag, pulled, isPull);
  const described = { ...pulled, immutable: digest !== undefined, shared: pull.shared };
  const vary: Record<string, string> = digest === undefined ? { Vary: "Accept" } : {};
  if (matches) return notModified(described, vary);
  if (!head) services.reports.sent(source, pulled.bytes?.byteLength ?? 0, pull);
  return new Response(head ? null : (pulled.bytes ?? null), {
    headers: { ...contentHeaders(described), ...vary },
  });
}

function note(
  { services, source, pull }: AdmittedRequest,
  kind: Kind,
  { status, warning }: Pick<Labelled, "status" | "warning">,
  isPull = false,
): void {
  pull.entry.status = status;
  if (warning !== undefined) pull.entry.warning = warning;
  services.served.answer(kind, status);
  services.reports.answered(source, status, isPull, pull);
}

async function blob(admitted: AdmittedRequest, digest: Digest): Promise<Response> {
  const { services, source, pull, request } = admitted;
  const condition = request.headers.get("if-none-match");
  const matches = matchesEtag(condition, digest);
  const head = request.method === "HEAD";
  const pulled =
    head || matches
      ? await headBlob({ ...admitted, digest })
      : await pullBlob({ ...admitted, digest }, rangeOf(request, digest));
  note(admitted, "blob", pulled);
  // A blob that is being fetched is reported by its fill.
  if (!head && "hit" in pulled.status)
    unlessQuiet(pull, () => services.reports.blob(source, digest, pull));
  const described = {
    ...pulled,
    mediaType: "application/octet-stream",
    immutable: true,
    shared: pull.shared,
  };
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

/** Streams the body while the response is being sent. A failure must abort the transfer, which must never end as if it were
 * complete. */
function send(pulled: PulledBlob, writable: WritableStream, digest: string): void {
  pulled
    .writeTo?.(writable)
    .catch((error: Error) => {
      console.warn(`entrepot: the transfer of ${digest} was aborted: ${error.message}`);
      return writable.abort(error);
    })
    .catch(() => {}); // the client has disconnected
}

async function listHeaders(
  pages: ListPages,
  next: URLSearchParams | undefined,
  label: Labelled,
): Promise<Record<string, string>> {
  return { ...labelHeaders(label), ...(next && { Link: await pages.link(next) }) };
}
