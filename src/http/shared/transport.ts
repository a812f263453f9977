// Transport: handles requests over https, over http on this machine, and over http from elsewhere, where the network can read and
// change them.

import type { Auth } from "../../config/auth.ts";
import { kindOf } from "../../config/host-kind.ts";
import { isLoopback } from "../../config/upstream.ts";
import { RegistryError } from "../../oci/error.ts";
import { wantsPage } from "./console-host.ts";
import { HARMLESS } from "./respond.ts";

/** HSTS max-age, in s: one year (RFC 6797). */
const HSTS = "max-age=31536000";

const INSECURE =
  "requests over http:// are refused, since others can read and change them: use https://, or 127.0.0.1 on the machine itself";

/** Whether others on the network can read the request. Only the URL's scheme, which the platform sets, counts; headers do not. */
export function isPlain({ protocol, hostname }: URL): boolean {
  return protocol !== "https:" && !isLoopback(hostname);
}

/** The redirect for a request that others can read; undefined if it is to be served. Throws DENIED (403). `auth` is undefined
 * if the configuration is invalid. */
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
      `${INSECURE}; AUTH.insecureHttp allows pulls without a login at private addresses`,
    );
  const Location = `https://${url.host}${url.pathname}${url.search}`;
  return new Response(null, {
    status: 308,
    headers: { Location, "Cache-Control": "no-store", ...HARMLESS },
  });
}

/** With `insecureHttp`, only pulls without credentials are served. */
function expectPull({ headers }: Request, { pathname }: URL): undefined {
  if (pathname !== "/v2" && !pathname.startsWith("/v2/"))
    throw new RegistryError("DENIED", `${INSECURE}; AUTH.insecureHttp allows nothing but pulls`);
  if (["authorization", "cf-access-jwt-assertion", "cookie"].some((name) => headers.has(name)))
    throw plainLogin();
}

/** Credentials sent over http are refused even if valid, because the client would otherwise keep sending them. */
export function plainLogin(): RegistryError {
  return new RegistryError(
    "DENIED",
    `credentials are refused over http://, where others can read them: use https://`,
    { refusal: { by: "transport" } },
  );
}

/** Paths requested by programs: a redirected program would keep sending its credentials over http first. */
function isOfClients({ pathname }: URL): boolean {
  return /^\/(v2|token|api|metrics)(\/|$)/.test(pathname);
}

/** Sets HSTS, but not on loopback, where it would apply to every server on the machine. */
export function keepSecure(response: Response, { protocol, hostname }: URL): void {
  if (protocol === "https:" && !isLoopback(hostname))
    response.headers.set("Strict-Transport-Security", HSTS);
}
