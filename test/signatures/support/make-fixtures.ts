// Maker of cosign.json: signatures by the real cosign, with key pairs and offline, as a registry holds them. Run it with cosign, crane and
// openssl in the path: `node test/signatures/support/make-fixtures.ts`. The private keys are not kept.

import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "signatures-"));
const run = (program: string, args: string[], env: Record<string, string> = {}) =>
  execFileSync(program, args, {
    cwd: folder,
    env: { ...process.env, COSIGN_PASSWORD: "", HOME: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });

const PORT = 15_171;
const registry = spawn("crane", ["registry", "serve", "--address", `127.0.0.1:${PORT}`]);
const BASE = `http://127.0.0.1:${PORT}/v2/acme/app`;

const digestOf = (bytes: Uint8Array) =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function bytesOf(path: string): Promise<Buffer> {
  const response = await fetch(`${BASE}/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

async function putBlob(bytes: Buffer): Promise<string> {
  const digest = digestOf(bytes);
  const begun = await fetch(`${BASE}/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("location") ?? "", BASE);
  place.searchParams.set("digest", digest);
  const put = await fetch(place, { method: "PUT", body: bytes });
  if (put.status !== 201) throw new Error(`upload: ${put.status}`);
  return digest;
}

async function putImage(name: string): Promise<{ digest: string; manifest: string }> {
  const config = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", name }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: await putBlob(config),
        size: config.length,
      },
      layers: [],
    }),
  );
  const digest = digestOf(manifest);
  const headers = { "Content-Type": "application/vnd.oci.image.manifest.v1+json" };
  const put = await fetch(`${BASE}/manifests/${digest}`, {
    method: "PUT",
    headers,
    body: manifest,
  });
  if (put.status !== 201) throw new Error(`image: ${put.status}`);
  return { digest, manifest: manifest.toString("base64") };
}

interface Artifact {
  digest: string;
  manifest: string;
  blobs: Record<string, string>;
}

async function artifactOf(reference: string): Promise<Artifact> {
  const manifest = await bytesOf(`manifests/${reference}`);
  const { layers } = JSON.parse(manifest.toString()) as { layers: { digest: string }[] };
  const blobs: Record<string, string> = {};
  for (const { digest } of layers)
    blobs[digest] = (await bytesOf(`blobs/${digest}`)).toString("base64");
  return { digest: digestOf(manifest), manifest: manifest.toString("base64"), blobs };
}

/** Digests of the image's referrers, by the API or the tag. */
async function referrersOf(digest: string): Promise<string[]> {
  const api = await fetch(`${BASE}/referrers/${digest}`);
  const list = api.ok ? api : await fetch(`${BASE}/manifests/${digest.replace(":", "-")}`);
  if (!list.ok) return [];
  const { manifests } = (await list.json()) as { manifests?: { digest: string }[] };
  return (manifests ?? []).map((one) => one.digest);
}

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
  const reference = `127.0.0.1:${PORT}/acme/app@${image.digest}`;
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
try {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  for (const key of Object.keys(KINDS)) {
    keys[key] = makeKey(key);
    for (const way of ["sig", "bundle", "oci11"] as const) {
      try {
        artifacts[`${key} ${way}`] = await sign(key, way);
      } catch (error) {
        console.error(`${key} ${way}: ${(error as Error).message}`);
      }
    }
  }
  const attested = await putImage("attested");
  images.attested = attested;
  writeFileSync(join(folder, "predicate.json"), "{}");
  const reference = `127.0.0.1:${PORT}/acme/app@${attested.digest}`;
  const how = ["--key", "p256.key", "--tlog-upload=false", "--new-bundle-format"];
  const what = ["--predicate", "predicate.json", "--type", "https://example.com/reviewed/v1"];
  run("cosign", ["attest", "--yes", ...how, ...what, reference]);
  const [attestation = ""] = await referrersOf(attested.digest);
  artifacts.attestation = await artifactOf(attestation);
} finally {
  registry.kill();
}
writeFileSync(
  new URL("../cosign.json", import.meta.url).pathname,
  `${JSON.stringify({ keys, images, artifacts }, undefined, 2)}\n`,
);
