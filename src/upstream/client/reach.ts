// Targets that an upstream's redirect or challenge may lead to: addresses as public as the upstream's own, and never
// from https to http. What a host name resolves to is guarded by the platform (`global_fetch_strictly_public`).

import { kindOf } from "../../config/host-kind.ts";

/** @param from the address of the upstream or of its token service
 * @returns the reason why the target is refused, to follow "redirected to"; undefined where it is allowed */
export function wrongWith(target: URL, from: URL): string | undefined {
  if (!/^https?:$/.test(target.protocol)) return "a URL that is neither http nor https";
  if (target.username || target.password) return "a URL with credentials in it";
  if (target.origin === from.origin) return undefined;
  if (from.protocol === "https:" && target.protocol === "http:")
    return "http from https, which is not followed";
  const kind = kindOf(target.hostname);
  if (kind === "public" || (kind !== "special" && kind === kindOf(from.hostname))) return undefined;
  return "an address that is not public, which is not followed";
}
