// A server that repeats the credentials that it was sent: in its bodies and headers, written in many ways.

import type { Fault } from "../wire.ts";
import { basicOf } from "./accounts.ts";

/** The password of Basic, the token of Bearer, and the signature of AWS. */
function secretOf(authorization: string | undefined): string {
  const basic = basicOf(authorization);
  if (basic) return basic.password;
  const value = authorization?.slice(authorization.indexOf(" ") + 1) ?? "";
  return /Signature=([0-9a-f]+)/.exec(value)?.[1] ?? value;
}

const hexOf = (text: string) => Buffer.from(text).toString("hex");
const each = (text: string, write: (hex: string) => string) =>
  (hexOf(text).match(/../g) ?? []).map(write).join("");

export const WRITTEN: Record<string, (secret: string) => string> = {
  plain: (secret) => secret,
  upper: (secret) => secret.toUpperCase(),
  base64: (secret) => Buffer.from(secret).toString("base64"),
  base64inner: (secret) => Buffer.from(`robot:${secret}!`).toString("base64"),
  base64url: (secret) => Buffer.from(`>?${secret}`).toString("base64url"),
  percent: (secret) => each(secret, (hex) => `%${hex}`),
  twice: (secret) => each(secret, (hex) => `%25${hex.toUpperCase()}`),
  html: (secret) => each(secret, (hex) => `&#x${hex};`),
  json: (secret) => each(secret, (hex) => `\\u00${hex}`),
  hex: (secret) => hexOf(secret),
  split: (secret) => secret.replaceAll("-", "-\u00ad"),
};

export function echoing(fault: Fault, authorization: string | undefined): Fault {
  if (!fault.echo) return fault;
  const secret = secretOf(authorization);
  const filled = (text: string) =>
    text.replace(/\{(\w+)\}/g, (whole, how) => WRITTEN[how]?.(secret) ?? whole);
  const headers = Object.entries(fault.headers ?? {});
  return {
    ...fault,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, filled(value)])),
    ...(fault.body !== undefined && { body: filled(fault.body) }),
    ...(fault.redirect !== undefined && { redirect: filled(fault.redirect) }),
  };
}
