// The cookie of a browser's session (access/session).

import { hostCookie, hostCookieIn } from "../shared/cookies.ts";

const NAME = "entrepot";

/** @param text of the session @param age in seconds */
export function sessionCookie(url: URL, text: string, age: number): string {
  return cookie(url, text, age);
}

/** The cookie that ends a session in the browser. */
export function noSession(url: URL): string {
  return cookie(url, "", 0);
}

export function sessionTextIn(request: Request): string | undefined {
  return hostCookieIn(request, NAME);
}

/** `Lax`: a link from elsewhere leads to a page; what changes something is told apart by its origin (http/origin). */
function cookie(url: URL, value: string, age: number): string {
  return hostCookie(url, NAME, value, age, "Lax");
}
