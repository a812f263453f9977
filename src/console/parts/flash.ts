// Flash message: the result of an action, carried to the next page by a cookie that is read once.

import { z } from "zod";
import { hostCookie, hostCookieIn } from "../../http/shared/cookies.ts";

const NAME = "entrepot-said";
/** Lifetime of the cookie, in seconds. */
const LASTS = 60;

const schema = z.object({ good: z.boolean(), text: z.string() });

export type Flash = z.infer<typeof schema>;

export function saidIn(request: Request): Flash | undefined {
  const value = hostCookieIn(request, NAME);
  if (value === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(decodeURIComponent(value)));
  } catch {
    return undefined; // not written by this console
  }
}

/** @param said undefined deletes the cookie */
export function saidCookie(url: URL, said: Flash | undefined): string {
  const value = said ? encodeURIComponent(JSON.stringify(said)) : "";
  return hostCookie(url, NAME, value, said ? LASTS : 0, "Strict");
}
