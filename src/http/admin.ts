// The door of the API: the admin token, and nothing else; without one, nobody but this machine itself under `npm start`.

import { timingSafeEqual } from "node:crypto";
import { isLoopback } from "../config/upstream.ts";
import { RegistryError } from "../oci/error.ts";
import { digestOf } from "../oci/hash.ts";

type Variables = Readonly<Record<string, unknown>>;

/** A token that can be guessed is no door. */
const LEAST = 16;

/** Throws what a request is answered that may not pass. Without a token the API is not there: 404, as for any other path. */
export function admit(variables: Variables, request: Request): void {
  const { ADMIN_TOKEN: token, LOCAL_ADMIN: local } = variables;
  if (token === undefined || token === "") {
    if (String(local) === "true" && isOfThisMachine(request)) return;
    throw nothingHere();
  }
  if (typeof token !== "string" || token.length < LEAST) {
    const message = `the secret ADMIN_TOKEN must have ${LEAST} characters at least: the API stays shut`;
    throw new RegistryError("UNKNOWN", message);
  }
  const given = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && isSame(given, token)) return;
  const message =
    given === undefined ? "the API wants the admin token" : "this is not the admin token";
  const headers = { "WWW-Authenticate": 'Bearer realm="entrepot"' };
  throw new RegistryError("UNAUTHORIZED", message, { headers });
}

export function nothingHere(): RegistryError {
  const message = "there is nothing here; the registry API is under /v2/";
  return new RegistryError("UNSUPPORTED", message, { status: 404 });
}

/** In a time that tells nothing: digests are equally long. */
function isSame(given: string, token: string): boolean {
  const hash = (text: string) => new TextEncoder().encode(digestOf(new TextEncoder().encode(text)));
  return timingSafeEqual(hash(given), hash(token));
}

/** `npm start` says LOCAL_ADMIN where it listens on loopback alone. A page in a browser of this machine can send requests there too: they
 * come with another site's name as the host (DNS rebinding), or say that they are another's (Fetch Metadata, `Origin`). */
function isOfThisMachine({ url, headers }: Request): boolean {
  const { hostname, host } = new URL(url);
  if (!isLoopback(hostname)) return false;
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "none" && site !== "same-origin") return false;
  const origin = headers.get("origin");
  return origin === null || (URL.canParse(origin) && new URL(origin).host === host);
}
