// Flash message: the result of an action, carried to the next page by a cookie that is read once.

import { z } from "zod";
import { hostCookie, hostCookieIn } from "../../http/shared/cookies.ts";

const COOKIE = "entrepot-said";
/** Lifetime of the cookie, in seconds. */
const LIFETIME_SECONDS = 60;

const schema = z.object({ good: z.boolean(), text: z.string() });

export type Flash = z.infer<typeof schema>;

export function flashIn(request: Request): Flash | undefined {
  const value = hostCookieIn(request, COOKIE);
  if (value === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(decodeURIComponent(value)));
  } catch {
    return undefined; // not written by this console
  }
}

/** @param flash undefined deletes the cookie */
export function flashCookie(url: URL, flash: Flash | undefined): string {
  const value = flash ? encodeURIComponent(JSON.stringify(flash)) : "";
  const age = flash ? LIFETIME_SECONDS : 0;
  return hostCookie(url, { name: COOKIE, value, age, sameSite: "Strict" });
}
