// Maker of notation.json: signatures by the real notation, as a registry holds them. Run it with notation, crane and openssl in the path:
// `node test/signatures/support/make-notation.ts`. The private keys are not kept.

import { createPrivateKey, sign as signBytes, X509Certificate } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Artifact,
  artifactOf,
  folder,
  putImage,
  REPOSITORY,
  referrersOf,
  run,
  withRegistry,
} from "./local-registry.ts";

const EXTENSIONS: Record<string, string[]> = {
  authority: ["basicConstraints=critical,CA:true,pathlen:1", "keyUsage=critical,keyCertSign"],
  intermediate: ["basicConstraints=critical,CA:true,pathlen:0", "keyUsage=critical,keyCertSign"],
  signer: [
    "basicConstraints=critical,CA:false",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=codeSigning",
  ],
  // Roles that must not count.
  encipherer: ["basicConstraints=critical,CA:false", "keyUsage=critical,keyEncipherment"],
  lax: ["basicConstraints=critical,CA:false", "keyUsage=digitalSignature"],
  server: [
    "basicConstraints=critical,CA:false",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=codeSigning,serverAuth",
  ],
  client: [
    "basicConstraints=critical,CA:false",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=clientAuth",
  ],
  constrained: [
    "basicConstraints=critical,CA:false",
    "keyUsage=critical,digitalSignature",
    "nameConstraints=critical,permitted;DNS:example.com",
  ],
};

const KEYS: Record<string, string[]> = {
  p256: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  p384: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
};

/** Makes a key and its certificate. @param issuer undefined for a self-signed one */
function certify(name: string, key: string, role: string, days: number, issuer?: string): string {
  run("openssl", ["genpkey", ...(KEYS[key] ?? []), "-out", `${name}.key`]);
  const subject = ["-subj", `/C=DE/O=acme/CN=${name}`, "-days", `${days}`];
  const added = (EXTENSIONS[role] ?? []).flatMap((one) => ["-addext", one]);
  const by = issuer ? ["-CA", `${issuer}.crt`, "-CAkey", `${issuer}.key`] : [];
  const made = ["req", "-x509", "-new", "-key", `${name}.key`, "-out", `${name}.crt`];
  run("openssl", [...made, ...subject, ...added, ...by]);
  return readFileSync(join(folder, `${name}.crt`), "utf8");
}

const certificates: Record<string, string> = {};
const images: Record<string, { digest: string; manifest: string }> = {};
const artifacts: Record<string, Artifact> = {};
const config = join(folder, "notation");
mkdirSync(config);

/** Signs an image with a chain of certificates, the signer's first. */
async function sign(name: string, chain: string[], more: string[] = []): Promise<void> {
  const [signer = ""] = chain;
  for (const one of chain)
    appendFileSync(join(folder, `${name}.chain`), readFileSync(join(folder, `${one}.crt`)));
  const paths = {
    keyPath: join(folder, `${signer}.key`),
    certPath: join(folder, `${name}.chain`),
  };
  const keys = { default: name, keys: [{ name, ...paths }] };
  writeFileSync(join(config, "signingkeys.json"), JSON.stringify(keys));
  const image = await putImage(name);
  images[name] = image;
  run("notation", ["sign", "--insecure-registry", ...more, `${REPOSITORY}@${image.digest}`]);
  const [referrer = ""] = await referrersOf(image.digest);
  artifacts[name] = await artifactOf(referrer);
}

interface Forgery {
  chain: string[];
  header?: object;
  payload?: object;
  /** Name of the key that signs, in place of the chain's. */
  key?: string;
}

const forged: Record<string, string> = {};

/** Puts an envelope together that notation would not make. */
function forge(name: string, image: string, { chain, header, payload, key }: Forgery): void {
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = encoded({
    alg: "ES256",
    crit: ["io.cncf.notary.signingScheme"],
    cty: "application/vnd.cncf.notary.payload.v1+json",
    "io.cncf.notary.signingScheme": "notary.x509",
    "io.cncf.notary.signingTime": new Date().toISOString(),
    ...header,
  });
  const body = encoded(payload ?? { targetArtifact: { digest: image } });
  const pem = readFileSync(join(folder, `${key ?? chain[0]}.key`));
  const signer = { key: createPrivateKey(pem), dsaEncoding: "ieee-p1363" } as const;
  const signature = signBytes("sha256", Buffer.from(`${head}.${body}`), signer);
  const x5c = chain.map((one) =>
    new X509Certificate(readFileSync(join(folder, `${one}.crt`))).raw.toString("base64"),
  );
  forged[name] = JSON.stringify({
    payload: body,
    protected: head,
    header: { x5c },
    signature: signature.toString("base64url"),
  });
}

await withRegistry(async () => {
  certificates.root = certify("root", "p384", "authority", 7_300);
  certificates.middle = certify("middle", "p256", "intermediate", 3_650, "root");
  certificates.other = certify("other", "p384", "authority", 7_300);
  for (const key of Object.keys(KEYS)) {
    const signer = `${key} signer`;
    certificates[signer] = certify(signer, key, "signer", 365, "middle");
    await sign(key, [signer, "middle", "root"]);
  }
  certificates.alone = certify("alone", "p256", "signer", 365);
  await sign("alone", ["alone"]);
  await sign("expiring", ["p256 signer", "middle", "root"], ["--expiry", "24h"]);
  await sign("cose", ["p256 signer", "middle", "root"], ["--signature-format", "cose"]);
  const { digest: image = "" } = images.p256 ?? {};
  const good = ["p256 signer", "middle", "root"];
  forge("good", image, { chain: good });
  for (const role of ["encipherer", "lax", "server", "client", "constrained"]) {
    certify(role, "p256", role, 365, "middle");
    forge(role, image, { chain: [role, "middle", "root"] });
  }
  certify("authority", "p256", "intermediate", 365, "root");
  forge("authority", image, { chain: ["authority", "root"] });
  certify("deep", "p256", "signer", 365, "authority");
  certify("under", "p256", "intermediate", 365, "middle");
  certify("too deep", "p256", "signer", 365, "under");
  forge("too deep", image, { chain: ["too deep", "under", "middle", "root"] });
  certify("by signer", "p256", "signer", 365, "p256 signer");
  forge("by signer", image, { chain: ["by signer", ...good] });
  forge("not issued", image, { chain: ["deep", "middle", "root"] });
  forge("another key", image, { chain: good, key: "alone" });
  forge("authority's time", image, {
    chain: good,
    header: {
      crit: ["io.cncf.notary.signingScheme", "io.cncf.notary.authenticSigningTime"],
      "io.cncf.notary.signingScheme": "notary.x509.signingAuthority",
      "io.cncf.notary.authenticSigningTime": new Date().toISOString(),
    },
  });
  forge("critical", image, {
    chain: good,
    header: { crit: ["io.cncf.notary.signingScheme", "com.example.review"] },
  });
  for (const alg of ["none", "HS256", "ES384", "PS256"])
    forge(`alg ${alg}`, image, { chain: good, header: { alg } });
  forge("another payload", image, { chain: good, payload: { target: { digest: image } } });
  forge("another type", image, { chain: good, header: { cty: "application/json" } });
});
writeFileSync(
  new URL("../notation.json", import.meta.url).pathname,
  `${JSON.stringify({ certificates, images, artifacts, forged }, undefined, 2)}\n`,
);
