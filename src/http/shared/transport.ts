// How a request came: over https, over http on this machine, or over http from elsewhere, where everybody on the way reads and changes
// what is sent. What of the last is answered, and how a browser is kept from it.

import type { Auth } from "../../config/auth.ts";
import { kindOf } from "../../config/host-kind.ts";
import { isLoopback } from "../../config/upstream.ts";
import { RegistryError } from "../../oci/error.ts";
import { wantsPage } from "./console-host.ts";
import { HARMLESS } from "./respond.ts";

/** How long a browser asks over https alone, in s (RFC 6797): a year. */
const HSTS = "max-age=31536000";

const ELSEWHERE =
  "this was asked for over http://, where others can read and change it: use https://, or 127.0.0.1 on the machine itself";

/** Whether others on the network can read it. The URL's scheme is the platform's word, and no header counts.  */
export function isPlain({ protocol, hostname }: URL): boolean {
  return protocol !== "https:" && !isLoopback(hostname);
}

/** What a request that others can read is answered in place of its answer; undefined: it is answered. Throws DENIED (403).
 * @param auth undefined where the configuration cannot be used */
export function redirectOf(
  request: Request,
  url: URL,
  auth: Auth | undefined,
): Response | undefined {
  if (!isPlain(url)) return undefined;
  if (auth?.insecureHttp && kindOf(url.hostname) === "private") return expectPull(request, url);
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (!isRead || !wantsPage(request) || isOfClients(url) || url.port !== "")
    throw new RegistryError(
      "DENIED",
      `${ELSEWHERE}; AUTH.insecureHttp is for pulls without a login from private addresses`,
    );
  const Location = `https://${url.host}${url.pathname}${url.search}`;
  return new Response(null, {
    status: 308,
    headers: { Location, "Cache-Control": "no-store", ...HARMLESS },
  });
}

/** With `insecureHttp` images alone are given, to whom asks for them without credentials. */
function expectPull({ headers }: Request, { pathname }: URL): undefined {
  if (pathname !== "/v2" && !pathname.startsWith("/v2/"))
    throw new RegistryError(
      "DENIED",
      `${ELSEWHERE}; with AUTH.insecureHttp nothing but pulls is answered`,
    );
  if (["authorization", "cf-access-jwt-assertion", "cookie"].some((name) => headers.has(name)))
    throw plainLogin();
}

/** Credentials that came over http are refused, good or not, or a client would go on sending them. */
export function plainLogin(): RegistryError {
  return new RegistryError(
    "DENIED",
    `no login is taken over http://, where others can read it: use https://`,
  );
}

/** What programs ask for: one that were redirected would go on sending its credentials over http first. */
function isOfClients({ pathname }: URL): boolean {
  return /^\/(v2|token|api|metrics)(\/|$)/.test(pathname);
}

/** Has browsers use https from then on. Not on loopback: that would be said of every server on this machine. */
export function keepSecure(response: Response, { protocol, hostname }: URL): void {
  if (protocol === "https:" && !isLoopback(hostname))
    response.headers.set("Strict-Transport-Security", HSTS);
}
