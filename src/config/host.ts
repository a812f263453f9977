// Host grammar, for every host that enters: a DNS name, an IPv4 address or an IPv6 address in brackets, with an optional port.
// The URL parser accepts `x$({touch,pwned}).example.com`: this grammar keeps such text out of generated scripts and of requests.

import ipaddr from "ipaddr.js";

/** Maximum length of a DNS name, in characters without the root's dot (RFC 1035, 2.3.4). */
const MAX_NAME = 253;
/** A label by RFC 1123, 2.1, with `_` as a letter: names in container networks contain it, and no shell or format treats it specially. */
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;
/** A last label like this makes the host an IPv4 address, or invalid (WHATWG URL, "ends in a number"). */
const NUMBER = /^(\d+|0x[0-9a-f]*)$/i;
const IPV4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const PORT = /^[1-9]\d{0,4}$/;
const MAX_PORT = 65_535;

/** The grammar in words, for messages. */
export const HOST_WORDS =
  "letters, digits and - in labels separated by dots, an IPv4 address or an IPv6 address in brackets";

/** @param text `host` or `host:port` */
export function isHost(text: string): boolean {
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text) ?? [];
  return host !== undefined && isHostname(host) && (port === undefined || isPort(port));
}

/** @param text without a port, like a URL's `hostname` */
export function isHostname(text: string): boolean {
  if (text.startsWith("[")) return isIpv6(text);
  const name = text.replace(/\.$/, "");
  if (name.length > MAX_NAME) return false;
  const labels = name.split(".");
  if (NUMBER.test(labels.at(-1) as string)) return IPV4.test(text) && ipaddr.IPv4.isValid(text);
  return labels.every((label) => LABEL.test(label));
}

/** Excludes zones (`%eth0`), which are local to one machine. */
function isIpv6(text: string): boolean {
  const [, address] = /^\[([0-9a-f:.]+)\]$/i.exec(text) ?? [];
  return address !== undefined && ipaddr.IPv6.isValid(address);
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= MAX_PORT;
}

/** Whether a URL's host and port match the grammar. */
export function hasGoodHost(url: URL): boolean {
  return isHostname(url.hostname) && (url.port === "" || isPort(url.port));
}
