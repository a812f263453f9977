// Networks in CIDR notation, and whether they contain an address.

import ipaddr from "ipaddr.js";
import { z } from "zod";

type Address = ReturnType<typeof ipaddr.parse>;

/** Maximum length of an address or a network, in characters: the longest valid one has 49, and ipaddr.js takes quadratic time. */
const MAX_NETWORK_TEXT = 64;

/** Parses a network, or an address as a network of one; undefined for any other text. */
function parseNetwork(text: string): [Address, number] | undefined {
  if (text.length > MAX_NETWORK_TEXT || !/^[0-9a-f:.]+(\/\d{1,3})?$/i.test(text)) return undefined;
  try {
    if (text.includes("/")) return ipv4Of(...ipaddr.parseCIDR(text));
    const address = ipaddr.parse(text);
    return ipv4Of(address, address.kind() === "ipv4" ? 32 : 128);
  } catch {
    return undefined;
  }
}

/** Unmaps an IPv4-mapped IPv6 network, as parseAddress does an address. */
function ipv4Of(address: Address, bits: number): [Address, number] {
  const isMapped = "isIPv4MappedAddress" in address && address.isIPv4MappedAddress() && bits >= 96;
  return isMapped ? [address.toIPv4Address(), bits - 96] : [address, bits];
}

const NETWORK = 'must be a network or an address, such as "203.0.113.0/24" or "2001:db8::/32"';

export const network = z
  .string({ error: NETWORK })
  .refine(
    (text) => parseNetwork(text) !== undefined && !/^\d+(\.\d+){0,2}(\/|$)/.test(text),
    NETWORK,
  );

const clientNetworkTable = z.strictObject(
  { network, touches: z.boolean({ error: "must be true or false" }).default(true) },
  { error: NETWORK },
);

/** A network whose clients may pull without a token: a string, or a table that also says whether pulls keep images from expiring. */
export const clientNetwork = z
  .unknown()
  .transform((value, context): { network: string; touches: boolean } => {
    const isText = typeof value === "string";
    const parsed = clientNetworkTable.safeParse(isText ? { network: value } : value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const path = isText ? [] : [...issue.path];
      if (issue.code === "unrecognized_keys")
        context.issues.push({ code: issue.code, keys: issue.keys, input: {}, path });
      else context.issues.push({ code: "custom", message: issue.message, input: value, path });
    }
    return z.NEVER;
  })
  .meta({ kind: "a string, or a table with network and touches" });

/** @param address from `cf-connecting-ip`; undefined is in no network */
export function isWithin(address: string | undefined, networks: readonly string[]): boolean {
  if (address === undefined || networks.length === 0) return false;
  const parsed = parseAddress(address);
  if (!parsed) return false;
  return networks.some((text) => {
    const range = parseNetwork(text);
    return range?.[0].kind() === parsed.kind() && parsed.match(range);
  });
}

/** Parses an address, unmapping an IPv4-mapped IPv6 one; undefined for any other text. */
export function parseAddress(text: string): ReturnType<typeof ipaddr.parse> | undefined {
  if (text.length > MAX_NETWORK_TEXT) return undefined;
  try {
    const address = ipaddr.parse(text);
    return "isIPv4MappedAddress" in address && address.isIPv4MappedAddress()
      ? address.toIPv4Address()
      : address;
  } catch {
    return undefined;
  }
}
