// Certificate chains of notation: requirements for signing certificates and their authorities (notaryproject/specifications,
// signature-specification.md, "Certificate Requirements"), up to a configured certificate.

import { X509Certificate } from "@sigstore/core";
import { extendedUsages } from "./identity.ts";
import { refuse, refusing } from "./refusal.ts";

const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
/** Any usage, server authentication, e-mail protection, timestamping and OCSP signing. */
const FORBIDDEN = [
  "2.5.29.37.0",
  "1.3.6.1.5.5.7.3.1",
  "1.3.6.1.5.5.7.3.4",
  "1.3.6.1.5.5.7.3.8",
  "1.3.6.1.5.5.7.3.9",
];

/** Critical extensions that are understood: key usage, basic constraints, extended key usage. */
const UNDERSTOOD = ["2.5.29.15", "2.5.29.19", "2.5.29.37"];

export interface Chain {
  /** SPKI of the signer in DER. */
  key: Buffer;
  /** Latest time at which all its certificates were valid, in ms. */
  until: number;
}

/** Throws Refused unless the chain leads from a signing certificate to one of the trusted ones, each valid now.
 * @param chain DER, the signer's first @param trusted DER @param now in ms */
export function checkChain(
  chain: readonly Buffer[],
  trusted: readonly Buffer[],
  now: number,
): Chain {
  const all = chain.map((der) =>
    refusing("has a malformed certificate", () => X509Certificate.parse(Buffer.from(der))),
  );
  const anchor = chain.findIndex((der) => trusted.some((one) => one.equals(der)));
  if (anchor < 0) refuse("is by a certificate that does not lead to this one");
  return refusing("has a malformed certificate", () => checkPath(all.slice(0, anchor + 1), now));
}

function checkPath(path: readonly X509Certificate[], now: number): Chain {
  const [leaf] = path;
  if (!leaf) refuse("has no certificate");
  checkLeaf(leaf);
  for (const [depth, certificate] of path.entries()) {
    checkExtensions(certificate);
    if (depth > 0) checkAuthority(certificate, depth);
    const issuer = path[depth + 1];
    const isIssued =
      !issuer || (certificate.issuer.equals(issuer.subject) && certificate.verify(issuer));
    if (!isIssued) refuse("has a certificate that the next one did not issue");
    if (now < certificate.notBefore.getTime()) refuse("is by a certificate that is not yet valid");
    if (now > certificate.notAfter.getTime())
      refuse(
        "is by a certificate that has expired, and has no timestamp of an authority that is trusted here",
      );
  }
  const until = Math.min(...path.map(({ notAfter }) => notAfter.getTime()));
  return { key: leaf.publicKey, until };
}

function checkLeaf(leaf: X509Certificate): void {
  if (leaf.extBasicConstraints?.isCA) refuse("is by the certificate of an authority");
  const usage = leaf.extKeyUsage;
  if (!usage?.critical || !usage.digitalSignature || usage.keyCertSign || usage.crlSign)
    refuse("is by a certificate that is not for signatures alone (key usage)");
  const usages = extendedUsages(leaf);
  if (usages.length > 0 && !usages.includes(CODE_SIGNING))
    refuse("is by a certificate that is not for code signing");
  if (usages.some((one) => FORBIDDEN.includes(one)))
    refuse("is by a certificate that is for more than code signing");
}

function checkAuthority(authority: X509Certificate, depth: number): void {
  const constraints = authority.extBasicConstraints;
  if (!constraints?.critical || !constraints.isCA || !authority.extKeyUsage?.keyCertSign)
    refuse("has a certificate that is issued by no authority");
  const length = constraints.pathLenConstraint;
  if (length !== undefined && length < BigInt(depth - 1))
    refuse("has a chain that is longer than its authority allows");
}

/** RFC 5280, 4.2: a certificate with a critical extension that is not understood is refused. */
function checkExtensions(certificate: X509Certificate): void {
  for (const { subs } of certificate.extensions) {
    const oid = subs[0]?.toOID() ?? "";
    if (UNDERSTOOD.includes(oid)) continue;
    if (certificate.extension(oid)?.critical)
      refuse(`has a certificate with a critical extension that is not supported: ${oid}`);
  }
}
