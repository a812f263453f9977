// Networks, in CIDR, and the addresses in them.

import ipaddr from "ipaddr.js";
import { z } from "zod";

type Address = ReturnType<typeof ipaddr.parse>;

/** Of an address or a network, in characters: the longest has 49. Of longer ones the library takes quadratic time. */
const MAX_NETWORK_TEXT = 64;

/** Undefined where the text is no network. An address alone is the network of that one. */
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

/** An IPv4 network that is written as an IPv6 one is itself, as an address is. */
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

/** A network whose clients may pull, as rules name it: the text alone, or with a word on whether what they do keeps images alive. */
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
  .meta({ kind: "a text, or a table with network and touches" });

/** @param address as the platform tells it; undefined is in no network */
export function isWithin(address: string | undefined, networks: readonly string[]): boolean {
  if (address === undefined || networks.length === 0) return false;
  const parsed = parseAddress(address);
  if (!parsed) return false;
  return networks.some((text) => {
    const range = parseNetwork(text);
    return range?.[0].kind() === parsed.kind() && parsed.match(range);
  });
}

/** Undefined where it is none. An IPv4 address that is told as an IPv6 one is itself. */
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
