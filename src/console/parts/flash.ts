// What an action says on the page that it leads to: carried by a cookie that is read once.

import { z } from "zod";
import { hostCookie, hostCookieIn } from "../../http/shared/cookies.ts";

const NAME = "entrepot-said";
/** In seconds. */
const LASTS = 60;

const schema = z.object({ good: z.boolean(), text: z.string() });

export type Flash = z.infer<typeof schema>;

export function saidIn(request: Request): Flash | undefined {
  const value = hostCookieIn(request, NAME);
  if (value === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(decodeURIComponent(value)));
  } catch {
    return undefined; // nothing of ours
  }
}

/** @param said undefined: it was read */
export function saidCookie(url: URL, said: Flash | undefined): string {
  const value = said ? encodeURIComponent(JSON.stringify(said)) : "";
  return hostCookie(url, NAME, value, said ? LASTS : 0, "Strict");
}
