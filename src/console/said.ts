// What an action says on the page that it leads to: carried by a cookie that is read once.

import { z } from "zod";

/** In seconds. */
const LASTS = 60;

const schema = z.object({
  good: z.boolean(),
  text: z.string(),
  /** Where what was done can be seen. */
  link: z.object({ href: z.string().startsWith("/"), text: z.string() }).optional(),
});

export type Said = z.infer<typeof schema>;

function nameFor(url: URL): string {
  return url.protocol === "https:" ? "__Host-entrepot-said" : "entrepot-said";
}

export function saidIn(url: URL, cookies: string | undefined): Said | undefined {
  const wanted = `${nameFor(url)}=`;
  const value = cookies
    ?.split(/; */)
    .find((one) => one.startsWith(wanted))
    ?.slice(wanted.length);
  if (!value) return undefined;
  try {
    return schema.parse(JSON.parse(decodeURIComponent(value)));
  } catch {
    return undefined; // nothing of ours
  }
}

/** @param said undefined: it was read */
export function saidCookie(url: URL, said: Said | undefined): string {
  const value = said ? encodeURIComponent(JSON.stringify(said)) : "";
  const secure = url.protocol === "https:" ? "; Secure" : "";
  const age = said ? LASTS : 0;
  return `${nameFor(url)}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}${secure}`;
}
