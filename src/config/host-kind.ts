// Whom a host name or an address can mean: everybody the same, or every network something else.

import { parseAddress } from "./network.ts";

/** Addresses and names that mean something else to every network, in kinds: one leads to its own kind, or to the public. */
export type Kind = "public" | "loopback" | "private" | "special";

/** Names of no public zone, as networks use them for themselves (RFC 6762, appendix G; RFC 8375; ICANN's `internal`). */
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
  return isPrivate ? "private" : "special"; // link-local, where clouds keep their secrets, is among these
}

/** Of IPv6 only 2000::/3 is given out (IANA); `::127.0.0.1`, an IPv4 address in a form that nobody uses any more, is outside. */
function isGlobal(bytes: number[]): boolean {
  return bytes.length === 4 || (bytes[0] as number) >> 5 === 1;
}
