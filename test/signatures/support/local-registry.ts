// Local registry of the fixture makers: crane's, with an image by name, and its signatures as they are stored. Needs crane in the path.

import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const folder = mkdtempSync(join(tmpdir(), "signatures-"));
/** Runs a program in the folder, which is its home too. */
export const run = (program: string, args: string[], env: Record<string, string> = {}) =>
  execFileSync(program, args, {
    cwd: folder,
    env: { ...process.env, COSIGN_PASSWORD: "", HOME: folder, XDG_CONFIG_HOME: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });

const PORT = 15_171;
export const REPOSITORY = `127.0.0.1:${PORT}/acme/app`;
const BASE = `http://127.0.0.1:${PORT}/v2/acme/app`;

/** Runs work while the registry is up. */
export async function withRegistry(work: () => Promise<void>): Promise<void> {
  const registry = spawn("crane", ["registry", "serve", "--address", `127.0.0.1:${PORT}`]);
  try {
    while (!(await fetch(BASE).catch(() => undefined)));
    await work();
  } finally {
    registry.kill();
  }
}

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

export async function putImage(name: string): Promise<{ digest: string; manifest: string }> {
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

export interface Artifact {
  digest: string;
  manifest: string;
  blobs: Record<string, string>;
}

export async function artifactOf(reference: string): Promise<Artifact> {
  const manifest = await bytesOf(`manifests/${reference}`);
  const { layers } = JSON.parse(manifest.toString()) as { layers: { digest: string }[] };
  const blobs: Record<string, string> = {};
  for (const { digest } of layers)
    blobs[digest] = (await bytesOf(`blobs/${digest}`)).toString("base64");
  return { digest: digestOf(manifest), manifest: manifest.toString("base64"), blobs };
}

/** Digests of the image's referrers, by the API or the tag. */
export async function referrersOf(digest: string): Promise<string[]> {
  const api = await fetch(`${BASE}/referrers/${digest}`);
  const list = api.ok ? api : await fetch(`${BASE}/manifests/${digest.replace(":", "-")}`);
  if (!list.ok) return [];
  const { manifests } = (await list.json()) as { manifests?: { digest: string }[] };
  return (manifests ?? []).map((one) => one.digest);
}
