// PEM of signers in log entries and annotations: one certificate or public key, or a chain that begins with the signer's certificate.

const BLOCK = /-----BEGIN (CERTIFICATE|PUBLIC KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----/;

/** DER of the first block, by its label; undefined if there is none. */
export function derOf(pem: string): { certificate: Buffer } | { key: Buffer } | undefined {
  const [, label, body] = BLOCK.exec(pem) ?? [];
  if (body === undefined) return undefined;
  const der = Buffer.from(body, "base64");
  return label === "CERTIFICATE" ? { certificate: der } : { key: der };
}

/** DER of the first certificate. */
export function certificateOf(pem: string): Buffer | undefined {
  const read = derOf(pem);
  return read && "certificate" in read ? read.certificate : undefined;
}
