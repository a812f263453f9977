// Hosts, by one grammar wherever one enters: a DNS name, an IPv4 address or an IPv6 address in brackets; with a port or without.
// `x$({touch,pwned}).example.com` is a host to the URL parser: what is not of this grammar never gets as far as a script or a request.

import ipaddr from "ipaddr.js";

/** RFC 1035, 2.3.4, in characters without the root's dot. */
const LONGEST_NAME = 253;
/** RFC 1123, 2.1; and `_` as a letter: names of container networks have it, and it means nothing to any shell or format. */
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;
/** A name that ends so is an IPv4 address, or none (WHATWG URL, "ends in a number"). */
const NUMBER = /^(\d+|0x[0-9a-f]*)$/i;
const IPV4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const PORT = /^[1-9]\d{0,4}$/;
const HIGHEST_PORT = 65_535;

/** In words, for messages. */
export const HOST_WORDS =
  "letters, digits and - in parts divided by dots, an IPv4 address or an IPv6 address in brackets";

/** @param text `host` or `host:port` */
export function isHost(text: string): boolean {
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text) ?? [];
  return host !== undefined && isHostname(host) && (port === undefined || isPort(port));
}

/** @param text without a port; as a URL's `hostname` is */
export function isHostname(text: string): boolean {
  if (text.startsWith("[")) return isIpv6(text);
  const name = text.replace(/\.$/, "");
  if (name.length > LONGEST_NAME) return false;
  const labels = name.split(".");
  if (NUMBER.test(labels.at(-1) as string)) return IPV4.test(text) && ipaddr.IPv4.isValid(text);
  return labels.every((label) => LABEL.test(label));
}

/** Without a zone (`%eth0`), which is another machine's matter. */
function isIpv6(text: string): boolean {
  const [, address] = /^\[([0-9a-f:.]+)\]$/i.exec(text) ?? [];
  return address !== undefined && ipaddr.IPv6.isValid(address);
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= HIGHEST_PORT;
}

/** Whether a URL's host and port are of the grammar. */
export function hasGoodHost(url: URL): boolean {
  return isHostname(url.hostname) && (url.port === "" || isPort(url.port));
}
