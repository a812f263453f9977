// Session cookie of the console (access/sessions).

import { hostCookie, hostCookieIn } from "../shared/cookies.ts";

const NAME = "entrepot";

/** @param text the signed session @param age in seconds */
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

/** `Lax`: links from other sites may open a page; changes from other sites are refused by their origin (shared/origin). */
function cookie(url: URL, value: string, age: number): string {
  return hostCookie(url, { name: NAME, value, age, sameSite: "Lax" });
}
