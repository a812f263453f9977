// networksOf: the networks by which an address is counted.

import { parseAddress } from "../../config/network.ts";

export interface Networks {
  /** IPv6: the /64 of one link. IPv4: the address. */
  link: string;
  /** IPv6: the /48 of one site. IPv4: the address. */
  site: string;
}

/** IPv6 customers have whole networks: at least a /64, often a /48 (RFC 6177), which holds 65,536 of those. An
 * IPv4-mapped IPv6 address counts as its IPv4 address. */
export function networksOf(address: string | undefined): Networks {
  const parsed = address === undefined ? undefined : parseAddress(address);
  if (!parsed) return { link: "unknown", site: "unknown" };
  if (parsed.kind() === "ipv4") return { link: parsed.toString(), site: parsed.toString() };
  const bytes = parsed.toByteArray();
  const prefix = (bits: number) => `${bytes.slice(0, bits / 8).join(".")}/${bits}`;
  return { link: prefix(64), site: prefix(48) };
}
