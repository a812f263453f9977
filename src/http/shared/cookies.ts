// Cookies of ours: bound to this host, read by no script (RFC 6265bis).

import { isLoopback } from "../../config/upstream.ts";

/** Browsers do not agree on whether loopback over http is secure enough for `Secure`, and so for `__Host-`. */
function isBare({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && isLoopback(hostname);
}

/** `__Host-`: of this host alone, and over TLS (4.1.3.2). */
function nameFor(url: URL, name: string): string {
  return isBare(url) ? name : `__Host-${name}`;
}

/** Its value as it was sent. Undefined where it is empty, too. */
export function cookieIn({ headers }: Request, name: string): string | undefined {
  const cookies = (headers.get("cookie") ?? "").split(/; */);
  const found = cookies.find((one) => one.startsWith(`${name}=`));
  return found?.slice(name.length + 1) || undefined;
}

/** The same, of one that `hostCookie` has made. */
export function hostCookieIn(request: Request, name: string): string | undefined {
  return cookieIn(request, nameFor(new URL(request.url), name));
}

/** A `Set-Cookie`. @param value in a cookie's characters @param age in seconds; 0 ends it */
export function hostCookie(
  url: URL,
  name: string,
  value: string,
  age: number,
  sameSite: "Lax" | "Strict",
): string {
  const secure = isBare(url) ? "" : "; Secure";
  return `${nameFor(url, name)}=${value}; Path=/; HttpOnly; SameSite=${sameSite}; Max-Age=${age}${secure}`;
}
