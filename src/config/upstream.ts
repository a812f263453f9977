// Upstream parser: a rule's `upstream`, a base URL or a bare host, in the canonical form that the rest of the code uses.

import { HOST_WORDS, hasGoodHost } from "./host.ts";

/** The host of Docker Hub's registry; `docker.io`, as usually written, does not serve the registry API. */
const DOCKER_HUB = "registry-1.docker.io";
const ALIASES: Record<string, string> = { "docker.io": DOCKER_HUB, "index.docker.io": DOCKER_HUB };

/** A path: unreserved characters (RFC 3986, 2.3), some that are special in no shell or format, and percent-escapes, except of `/`, `\\`,
 * `.`, `%` and control characters: a server that decodes those could leave the path that a secret is bound to (path traversal). */
const PATH = /^(?:[\w.~\-/+@:,=]|%(?!2[ef5]|5c|[01][0-9a-f]|7f)[0-9a-f]{2})*$/i;

export interface Upstream {
  /** Scheme, host and path prefix without a trailing slash; `/v2/…` is appended to it. */
  base: string;
  /** Host (with a port other than the scheme's default) and path prefix: the upstream's name in keys and messages. */
  host: string;
}

export function isDockerHub(upstream: Upstream): boolean {
  return upstream.host === DOCKER_HUB;
}

/** A registry's host (`ns`) in canonical form, for comparison: lower case, Docker Hub's registry for its aliases, without port 443 or
 * the root's dot. */
export function registryHost(text: string): string {
  const host = text
    .toLowerCase()
    .replace(/:443$/, "")
    .replace(/\.(?=(:\d+)?$)/, "");
  return ALIASES[host] ?? host;
}

/** Parses an upstream; throws an Error whose message says what is wrong.
 * @param insecure allows `http://` for hosts other than loopback */
export function parseUpstream(text: string, insecure: boolean): Upstream {
  const url = parseUrl(text.includes("://") ? text : `https://${text}`);
  if (!url) throw new Error("is neither a URL nor a host name");
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new Error(`must start with https://, not ${url.protocol}//`);
  }
  if (url.username || url.password) {
    throw new Error(
      "must not contain a user name or password: put them into a secret and name it in `credentials`",
    );
  }
  if (!hasGoodHost(url)) throw new Error(`has an invalid host: must be ${HOST_WORDS}`);
  if (!PATH.test(url.pathname))
    throw new Error("has a path with characters other than letters, digits and - . _ ~ + @ : , =");
  if (url.search || url.hash) throw new Error("must not have a query or a fragment");
  if (url.protocol === "http:" && !insecure && !isLoopback(url.hostname)) {
    throw new Error(
      "is http://, which is allowed for loopback only, unless the rule has insecure = true",
    );
  }
  const path = withoutSlashes(url.pathname);
  if (/(^|\/)v2$/.test(path)) throw new Error("must be given without /v2, which is appended to it");
  url.hostname = ALIASES[url.hostname] ?? url.hostname;
  return { base: url.origin + path, host: url.host + path };
}

/** Removes trailing slashes. A RegExp (`/+$`) would take quadratic time for slashes elsewhere, which an API administrator could submit
 * (ReDoS). */
export function withoutSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === "/") end -= 1;
  return text.slice(0, end);
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** Whether keys and credentials may travel there: https, or http to this machine, without credentials in the URL. */
export function isSafeUrl(text: string): boolean {
  const url = parseUrl(text);
  if (!url || url.username || url.password || !hasGoodHost(url)) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}
