// Layers whose content is random to a compressor, and the same on every machine.

import { createCipheriv, createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { run } from "./command.ts";

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export interface Layer extends Descriptor {
  /** Of the tar, before compression. */
  diffId: string;
  file: string;
}

const KB = 1024;
const CHUNK = 1024 * KB;

/** A tar with one file of `size` bytes. */
export async function makeLayer(
  folder: string,
  name: string,
  size: number,
  compressed: boolean,
): Promise<Layer> {
  const content = join(folder, name);
  await mkdir(content, { recursive: true });
  await pipeline(Readable.from(noise(name, size)), createWriteStream(join(content, "data")));
  const tar = `${content}.tar`;
  const plain = ["--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=0644"];
  await run("tar", [...plain, "-cf", tar, "-C", content, "data"]);
  await rm(content, { recursive: true });
  const diffId = await digestOfFile(tar);
  const file = compressed ? `${tar}.gz` : tar;
  if (compressed) {
    await pipeline(createReadStream(tar), createGzip({ level: 1 }), createWriteStream(file));
  }
  return {
    mediaType: `application/vnd.oci.image.layer.v1.tar${compressed ? "+gzip" : ""}`,
    digest: compressed ? await digestOfFile(file) : diffId,
    size: (await stat(file)).size,
    diffId,
    file,
  };
}

export async function digestOfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK })) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The key stream of AES: no compressor makes it smaller, and the name makes it again. */
function* noise(name: string, size: number): Generator<Uint8Array> {
  const key = createHash("sha256").update(name).digest().subarray(0, 16);
  const cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16));
  for (let left = size; left > 0; left -= CHUNK) {
    yield cipher.update(Buffer.alloc(Math.min(left, CHUNK)));
  }
}
