// The networks that an address is counted by.

import { parseAddress } from "../../config/network.ts";

export interface Networks {
  /** IPv6: the /64 of one link. IPv4: the address. */
  link: string;
  /** IPv6: the /48 of one site. IPv4: the address. */
  site: string;
}

/** An IPv6 customer has a whole network: a /64 at least, and often a /48 (RFC 6177), which holds 65,536 of those. An IPv4 address in
 * IPv6's notation is itself. */
export function networksOf(address: string | undefined): Networks {
  const parsed = address === undefined ? undefined : parseAddress(address);
  if (!parsed) return { link: "unknown", site: "unknown" };
  if (parsed.kind() === "ipv4") return { link: parsed.toString(), site: parsed.toString() };
  const bytes = parsed.toByteArray();
  const prefix = (bits: number) => `${bytes.slice(0, bits / 8).join(".")}/${bits}`;
  return { link: prefix(64), site: prefix(48) };
}
