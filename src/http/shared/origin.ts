// Request origin: distinguishes requests of this cache's own pages from those of other sites, which must not change anything
// (CSRF).

import { isLoopback } from "../../config/upstream.ts";
import { RegistryError } from "../../oci/error.ts";

/** Paths that change nothing, whatever the method. */
const READ_ONLY_PATHS = ["/api/lifecycle/preview", "/lifecycle/preview"];

export function isReading({ method, url }: Request): boolean {
  return method === "GET" || method === "HEAD" || READ_ONLY_PATHS.includes(new URL(url).pathname);
}

/** Uses Fetch Metadata or `Origin`, which only browsers send. On https the scheme counts too, because a page of the same host
 * over http may have been forged on the network. */
export function isOfAnotherSite({ url, headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "none" && site !== "same-origin") return true;
  const origin = headers.get("origin");
  if (origin === null) return false;
  if (!URL.canParse(origin)) return true;
  const [theirs, own] = [new URL(origin), new URL(url)];
  return own.protocol === "https:" ? theirs.origin !== own.origin : theirs.host !== own.host;
}

/** Throws DENIED (403) for a change without headers that prove it comes from this site. Browsers send them with every change. */
export function expectOurs(request: Request): void {
  const { headers } = request;
  const isTold = headers.has("sec-fetch-site") || headers.has("origin");
  if (!isReading(request) && (!isTold || isOfAnotherSite(request))) throw anotherSite();
}

/** Whether a request may act as LOCAL_ADMIN, which `npm start` sets when listening on loopback only. Attacks: a page in a
 * local browser sends requests here with another site's host name (DNS rebinding) or origin. Following a link to a page here
 * is harmless, because only the user sees it and no page can be framed. */
export function isOfThisMachine(request: Request): boolean {
  const isLed = isReading(request) && request.headers.get("sec-fetch-mode") === "navigate";
  return isLoopback(new URL(request.url).hostname) && (isLed || !isOfAnotherSite(request));
}

export function anotherSite(): RegistryError {
  return new RegistryError("DENIED", "cross-site request refused");
}
