// Cookies: bound to this host and not readable by scripts (RFC 6265bis).

import { isLoopback } from "../../config/upstream.ts";

/** Whether to use plain cookies: browsers disagree on whether plain HTTP on loopback is secure enough for `Secure` and
 * `__Host-`. */
function isBare({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && isLoopback(hostname);
}

/** `__Host-` binds a cookie to this host and to TLS (RFC 6265bis, 4.1.3.2). */
function nameFor(url: URL, name: string): string {
  return isBare(url) ? name : `__Host-${name}`;
}

/** The cookie's value as sent; undefined if missing or empty. */
export function cookieIn({ headers }: Request, name: string): string | undefined {
  const cookies = (headers.get("cookie") ?? "").split(/; */);
  const found = cookies.find((one) => one.startsWith(`${name}=`));
  return found?.slice(name.length + 1) || undefined;
}

/** The value of a cookie that `hostCookie` has set. */
export function hostCookieIn(request: Request, name: string): string | undefined {
  return cookieIn(request, nameFor(new URL(request.url), name));
}

export interface Cookie {
  readonly name: string;
  /** Consists of cookie characters. */
  readonly value: string;
  /** In seconds; 0 removes the cookie. */
  readonly age: number;
  readonly sameSite: "Lax" | "Strict";
}

/** A `Set-Cookie` header. */
export function hostCookie(url: URL, { name, value, age, sameSite }: Cookie): string {
  const secure = isBare(url) ? "" : "; Secure";
  return `${nameFor(url, name)}=${value}; Path=/; HttpOnly; SameSite=${sameSite}; Max-Age=${age}${secure}`;
}
