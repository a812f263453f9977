// Host kinds: whether a host name or an address is public, or means something else in each network.

import { parseAddress } from "./network.ts";

/** The kind of an address or a name; a redirect or realm may lead to the same kind, or to a public host. */
export type Kind = "public" | "loopback" | "private" | "special";

/** Top-level names outside the public DNS, for use in local networks (RFC 6762, appendix G; RFC 8375; ICANN's `internal`). */
const LOCAL = /\.(local|localdomain|internal|intranet|lan|corp|home|private|home\.arpa)$/;

export function kindOf(hostname: string): Kind {
  const host = hostname.replace(/\.$/, "");
  const literal = addressIn(host);
  if (literal !== undefined) return literal;
  if (host === "localhost" || host.endsWith(".localhost")) return "loopback";
  return !host.includes(".") || LOCAL.test(host) ? "private" : "public";
}

function addressIn(host: string): Kind | undefined {
  const text = host.replace(/^\[(.*)\]$/, "$1");
  if (!text.includes(":") && !/^[\d.]+$/.test(text)) return undefined;
  const address = parseAddress(text);
  const range = address?.range();
  if (address && range === "unicast") return isGlobal(address.toByteArray()) ? "public" : "special";
  if (range === "loopback") return "loopback";
  const isPrivate = range && ["private", "uniqueLocal", "carrierGradeNat"].includes(range);
  return isPrivate ? "private" : "special"; // includes link-local, where clouds serve instance credentials
}

/** IANA allocates only 2000::/3 of IPv6; this excludes `::127.0.0.1`, the deprecated IPv4-compatible form. */
function isGlobal(bytes: number[]): boolean {
  return bytes.length === 4 || (bytes[0] as number) >> 5 === 1;
}
