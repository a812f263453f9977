// A certificate authority of a test's own, and a server's certificate by it: X.509 (RFC 5280) in DER, with no more in it than TLS needs.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Certificates {
  /** In PEM: what clients trust. */
  ca: string;
  /** In PEM: what the server shows, and its key. */
  cert: string;
  key: string;
}

/** For `localhost` and 127.0.0.1, good from yesterday until tomorrow. */
export function certificates(): Certificates {
  const [authority, server] = [newKey(), newKey()];
  const issuer = "Entrepot's tests";
  return {
    ca: pem("CERTIFICATE", certificate(issuer, issuer, authority, authority, true)),
    cert: pem("CERTIFICATE", certificate("localhost", issuer, server, authority, false)),
    key: server.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

interface Pair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const newKey = (): Pair => generateKeyPairSync("ec", { namedCurve: "P-256" });
const DAY = 24 * 60 * 60_000;

function certificate(
  subject: string,
  issuer: string,
  own: Pair,
  by: Pair,
  isAuthority: boolean,
): Buffer {
  const now = Date.now();
  const algorithm = sequence(oid("2a8648ce3d040302")); // ecdsa-with-SHA256
  const names = sequence(
    der(0x82, Buffer.from("localhost")),
    der(0x87, Buffer.from([127, 0, 0, 1])),
  );
  const extensions = [
    extension("551d13", sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : []))),
    ...(isAuthority ? [] : [extension("551d11", names)]),
  ];
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])), // the serial number
    algorithm,
    name(issuer),
    sequence(time(now - DAY), time(now + DAY)),
    name(subject),
    own.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", signed, by.privateKey);
  return sequence(signed, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
}

/** One attribute: the common name. */
function name(text: string): Buffer {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(text)))));
}

/** Critical, so that a client that does not know it refuses. */
function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x01, Buffer.from([0xff])), der(0x04, value));
}

function time(at: number): Buffer {
  return der(0x18, Buffer.from(new Date(at).toISOString().replace(/[-:T]|\.\d+/g, "")));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function pem(what: string, content: Buffer): string {
  const lines = content.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${what}-----`, ...lines, `-----END ${what}-----`, ""].join("\n");
}
