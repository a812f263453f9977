// Where an upstream's word may lead, by a redirect or a challenge: to what is as public as itself, and never from https down to http.
// What a name resolves to is the platform's to guard (`global_fetch_strictly_public`).

import { kindOf } from "../../config/host-kind.ts";

/** @param from the upstream's own address, or that of its token service
 * @returns what is wrong with going there; undefined where nothing is */
export function wrongWith(target: URL, from: URL): string | undefined {
  if (!/^https?:$/.test(target.protocol)) return "what is no web address";
  if (target.username || target.password) return "an address with credentials in it";
  if (target.origin === from.origin) return undefined;
  if (from.protocol === "https:" && target.protocol === "http:")
    return "http, from https, which is not followed";
  const kind = kindOf(target.hostname);
  if (kind === "public" || (kind !== "special" && kind === kindOf(from.hostname))) return undefined;
  return "an address that is not public, which is not followed";
}
