// Where a browser's request comes from: a page of this cache, or of another site, which must not have anything changed here.

import { isLoopback } from "../../config/upstream.ts";
import { RegistryError } from "../../oci/error.ts";

/** What changes nothing, whatever the method. */
const READING = ["/api/lifecycle/preview", "/lifecycle/preview"];

export function isReading({ method, url }: Request): boolean {
  return method === "GET" || method === "HEAD" || READING.includes(new URL(url).pathname);
}

/** Fetch Metadata, or `Origin`; what is no browser sends neither. Over https the scheme counts too: a page of the same host over http is what a
 * neighbour on the network made of it. */
export function isOfAnotherSite({ url, headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "none" && site !== "same-origin") return true;
  const origin = headers.get("origin");
  if (origin === null) return false;
  if (!URL.canParse(origin)) return true;
  const [theirs, own] = [new URL(origin), new URL(url)];
  return own.protocol === "https:" ? theirs.origin !== own.origin : theirs.host !== own.host;
}

/** What a browser sends along with a change says where that comes from: without it, it is none of the console's. */
export function expectOurs(request: Request): void {
  const { headers } = request;
  const isTold = headers.has("sec-fetch-site") || headers.has("origin");
  if (!isReading(request) && (!isTold || isOfAnotherSite(request))) throw anotherSite();
}

/** `npm start` says LOCAL_ADMIN where it listens on loopback alone. A page in a browser of this machine can send requests there too: they
 * come with another site's name as the host (DNS rebinding), or say that they are another's. Somebody who follows a link to a page
 * here sees it himself, and nobody else does: no page of ours can be framed. */
export function isOfThisMachine(request: Request): boolean {
  const isLed = isReading(request) && request.headers.get("sec-fetch-mode") === "navigate";
  return isLoopback(new URL(request.url).hostname) && (isLed || !isOfAnotherSite(request));
}

export function anotherSite(): RegistryError {
  return new RegistryError("DENIED", "this was asked for by another site");
}
