// What a request asks for, read from its path once.

import type { Kind, Server } from "../wire.ts";

export interface Asked {
  kind: Kind;
  repository: string;
  /** Tag or digest; empty where there is none. */
  reference: string;
  url: URL;
}

const NAMED = /^\/v2\/(.+)\/(manifests|blobs|referrers|tags)\/([^/]+)$/;
/** The registry under another path, which counts as another upstream. */
const APART = /^\/apart-[^/]+(?=\/v2(\/|$))/;
const KINDS: Record<string, Kind> = {
  manifests: "manifest",
  blobs: "blob",
  referrers: "referrers",
  tags: "tags",
};

export function route(server: Server, url: URL): Asked {
  const other: Asked = { kind: "other", repository: "", reference: "", url };
  if (server === "token") {
    return url.pathname === "/token"
      ? { ...other, kind: "token", repository: repositoryOf(url.searchParams) }
      : other;
  }
  if (server === "issuer") {
    const [, repository = "", reference = ""] = /^\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    return { ...other, repository, reference };
  }
  if (server === "aws" || server === "google") {
    const endpoint = server === "aws" ? /^\/(?:(.+)\/)?$/ : /^\/(?:(.+)\/)?token$/;
    const [path, repository = ""] = endpoint.exec(url.pathname) ?? [];
    return path === undefined ? other : { ...other, kind: "token", repository };
  }
  // Redirects to the cdn have names of hops before the registry's own path.
  const path =
    server === "cdn"
      ? url.pathname.replace(/^\/(loop|hop\/\d+)(?=\/)/, "")
      : url.pathname.replace(APART, "");
  if (path === "/v2/" || path === "/v2") return { ...other, kind: "ping" };
  const [, repository = "", collection = "", reference = ""] = NAMED.exec(path) ?? [];
  if (repository === "" || (collection === "tags" && reference !== "list")) return other;
  const kind = KINDS[collection] ?? "other";
  return {
    kind,
    repository,
    reference: kind === "tags" ? "" : reference.replace(/%3a/i, ":"),
    url,
  };
}

/** The scopes of a token request; several in one parameter are parted by spaces. */
export function scopesOf(parameters: URLSearchParams): string[] {
  return parameters.getAll("scope").flatMap((scope) => scope.split(" ").filter(Boolean));
}

/** The repository of the first scope. */
export function repositoryOf(parameters: URLSearchParams): string {
  return /^repository:(.+):[^:]*$/.exec(scopesOf(parameters)[0] ?? "")?.[1] ?? "";
}
