// Maker of cosign.json: signatures by the real cosign, with key pairs and offline, as a registry holds them. Run it with cosign, crane and
// openssl in the path: `node test/signatures/support/make-cosign.ts`. The private keys are not kept.

import { readFileSync, writeFileSync } from "node:fs";
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

const KINDS: Record<string, string[]> = {
  p256: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  p384: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  ed25519: ["-algorithm", "ED25519"],
  rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
};

/** @returns the public key */
function makeKey(name: string): string {
  run("openssl", ["genpkey", ...(KINDS[name] ?? []), "-out", `${name}.pem`]);
  run("cosign", ["import-key-pair", "--yes", "--key", `${name}.pem`, "--output-key-prefix", name]);
  return readFileSync(join(folder, `${name}.pub`), "utf8");
}

type Way = "sig" | "bundle" | "oci11";

async function sign(key: string, way: Way): Promise<Artifact> {
  const image = await putImage(`${key} ${way}`);
  images[`${key} ${way}`] = image;
  const reference = `${REPOSITORY}@${image.digest}`;
  const args = ["sign", "--yes", "--key", `${key}.key`, "--tlog-upload=false"];
  const how: Record<Way, string[]> = {
    sig: [],
    bundle: ["--new-bundle-format"],
    oci11: ["--registry-referrers-mode=oci-1-1"],
  };
  run("cosign", [...args, ...how[way], reference], { COSIGN_EXPERIMENTAL: "1" });
  if (way === "sig") return artifactOf(`${image.digest.replace(":", "-")}.sig`);
  const [referrer = ""] = await referrersOf(image.digest);
  return artifactOf(referrer);
}

const images: Record<string, { digest: string; manifest: string }> = {};
const keys: Record<string, string> = {};
const artifacts: Record<string, Artifact> = {};
await withRegistry(async () => {
  for (const key of Object.keys(KINDS)) {
    keys[key] = makeKey(key);
    for (const way of ["sig", "bundle", "oci11"] as const) {
      artifacts[`${key} ${way}`] = await sign(key, way);
    }
  }
  const attested = await putImage("attested");
  images.attested = attested;
  writeFileSync(join(folder, "predicate.json"), "{}");
  const reference = `${REPOSITORY}@${attested.digest}`;
  const how = ["--key", "p256.key", "--tlog-upload=false", "--new-bundle-format"];
  const what = ["--predicate", "predicate.json", "--type", "https://example.com/reviewed/v1"];
  run("cosign", ["attest", "--yes", ...how, ...what, reference]);
  const [attestation = ""] = await referrersOf(attested.digest);
  artifacts.attestation = await artifactOf(attestation);
});
writeFileSync(
  new URL("../cosign.json", import.meta.url).pathname,
  `${JSON.stringify({ keys, images, artifacts }, undefined, 2)}\n`,
);
