// A rule's `upstream`: a base URL or a bare host, made into the one form that the rest of the house sees.

import { HOST_WORDS, hasGoodHost } from "./host.ts";

/** Docker Hub's registry answers under this name only; `docker.io` is what people write. */
const DOCKER_HUB = "registry-1.docker.io";
const ALIASES: Record<string, string> = { "docker.io": DOCKER_HUB, "index.docker.io": DOCKER_HUB };

/** A path as it is sent: unreserved characters (RFC 3986, 2.3), some that no shell or format gives a meaning, and escapes, but none of
 * `/`, `\\`, `.`, `%` or a control character: a server that undoes those would leave the path that a secret is bound to. */
const PATH = /^(?:[\w.~\-/+@:,=]|%(?!2[ef5]|5c|[01][0-9a-f]|7f)[0-9a-f]{2})*$/i;

export interface Upstream {
  /** Scheme, host and path prefix without a slash at the end: what `/v2/…` is appended to. */
  base: string;
  /** Host (with a port that is not the scheme's own) and path prefix: the upstream's name in keys and messages. */
  host: string;
}

export function isDockerHub(upstream: Upstream): boolean {
  return upstream.host === DOCKER_HUB;
}

/** A registry's host as clients name it (`ns`), in the one form that is compared: lower case, Docker Hub's own name for
 * its aliases, and without the port that https has anyway, or the dot
 * of the root. */
export function registryHost(text: string): string {
  const host = text
    .toLowerCase()
    .replace(/:443$/, "")
    .replace(/\.(?=(:\d+)?$)/, "");
  return ALIASES[host] ?? host;
}

/** Throws a sentence that says what is wrong.
 * @param insecure allows `http://` for hosts other than loopback */
export function parseUpstream(text: string, insecure: boolean): Upstream {
  const url = parseUrl(text.includes("://") ? text : `https://${text}`);
  if (!url) throw new Error("is neither a URL nor a host name");
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new Error(`must start with https://, not ${url.protocol}//`);
  }
  if (url.username || url.password) {
    throw new Error(
      "must not hold a user name or password: put them into a secret, and name it in `credentials`",
    );
  }
  if (!hasGoodHost(url)) throw new Error(`has a host that is none: ${HOST_WORDS}`);
  if (!PATH.test(url.pathname))
    throw new Error("has a path with other characters than letters, digits and - . _ ~ + @ : , =");
  if (url.search || url.hash) throw new Error("must not have a query or a fragment");
  if (url.protocol === "http:" && !insecure && !isLoopback(url.hostname)) {
    throw new Error(
      "is http://, which is allowed for loopback only, unless the rule says insecure = true",
    );
  }
  const path = withoutSlashes(url.pathname);
  if (/(^|\/)v2$/.test(path)) throw new Error("must be given without /v2, which is added to it");
  url.hostname = ALIASES[url.hostname] ?? url.hostname;
  return { base: url.origin + path, host: url.host + path };
}

/** Without those at the end. A RegExp (`/+$`) takes time quadratic in slashes that are not at the end, which an admin of the API may
 * write. */
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

/** Where what matters may come from, or go: https, or this machine, without credentials in the address. */
export function isSafeUrl(text: string): boolean {
  const url = parseUrl(text);
  if (!url || url.username || url.password || !hasGoodHost(url)) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}
