// Identities: who a certificate of Fulcio says that its holder is, and which issuer vouched for that.

import type { X509Certificate } from "@sigstore/core";
import { refuse } from "./refusal.ts";

export interface Identity {
  /** A URL or an e-mail address. */
  identity: string;
  issuer: string;
}

/** Issuer as the extension's bytes (1.1, deprecated), and as a UTF8String in DER (1.8). */
const ISSUER = "1.3.6.1.4.1.57264.1.1";
const ISSUER_DER = "1.3.6.1.4.1.57264.1.8";
const UTF8_STRING = 0x0c;

const EXTENDED_KEY_USAGE = "2.5.29.37";
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";

const ALTERNATIVE_NAMES = "2.5.29.17";
/** General names: rfc822Name and uniformResourceIdentifier. */
const NAMES = [1, 6];

/** Throws Refused for a certificate that is not one for signing, or whose identity or issuer is missing or ambiguous. */
export function identityOf(certificate: X509Certificate): Identity {
  if (certificate.extBasicConstraints?.isCA) refuse("is by the certificate of an authority");
  if (!extendedUsages(certificate).includes(CODE_SIGNING))
    refuse("is by a certificate that is not for code signing");
  const names = certificate.extension(ALTERNATIVE_NAMES)?.valueObj.subs[0]?.subs ?? [];
  const [name, ...others] = names;
  if (!name || others.length > 0 || !NAMES.some((tag) => name.tag.isContextSpecific(tag)))
    refuse("is by a certificate without exactly one e-mail address or URL");
  return { identity: textOf(name.value), issuer: issuerOf(certificate) };
}

function issuerOf(certificate: X509Certificate): string {
  const old = certificate.extension(ISSUER);
  const der = certificate.extension(ISSUER_DER);
  const [inner, ...others] = der?.valueObj.subs ?? [];
  if (der && (!inner || others.length > 0 || tagOf(inner.toDER()) !== UTF8_STRING))
    refuse("is by a certificate with a malformed issuer");
  const texts = [...(inner ? [textOf(inner.value)] : []), ...(old ? [textOf(old.value)] : [])];
  const [issuer] = texts;
  if (issuer === undefined) refuse("is by a certificate that names no issuer");
  if (texts.some((text) => text !== issuer)) refuse("is by a certificate that names two issuers");
  return issuer;
}

function tagOf(der: Buffer): number | undefined {
  return der[0];
}

/** Object identifiers of the certificate's extended key usage. */
export function extendedUsages(certificate: X509Certificate): string[] {
  const [list] = certificate.extension(EXTENDED_KEY_USAGE)?.valueObj.subs ?? [];
  return list?.subs.map((one) => one.toOID()) ?? [];
}

/** Printable ASCII alone: Buffer's ASCII drops the eighth bit, and one identity would read as another. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  if (!/^[\x21-\x7e]{1,2048}$/.test(text))
    refuse("is by a certificate with an unprintable identity");
  return text;
}
