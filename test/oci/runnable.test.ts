// Runnable content: what readers unpack as a layer, by its first bytes.

import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { HEADER, mayRun } from "../../src/oci/runnable.ts";

const text = (content: string) => new TextEncoder().encode(content);

/** A tar header whose fields are given as they stand there. */
function headerOf(name: string, fill: string, magic = "", signed = false): Uint8Array {
  const header = new Uint8Array(HEADER).fill(fill.charCodeAt(0));
  const put = (at: number, field: string) => header.set(Buffer.from(field, "latin1"), at);
  put(0, name.padEnd(100, fill));
  put(100, "0000644 ");
  put(108, "0000000 ");
  put(116, "0000000 ");
  put(124, "00000000012 ");
  put(136, "00000000000 ");
  put(148, "        ");
  put(156, "0");
  put(257, magic);
  const sum = header.reduce((total, byte) => total + (signed && byte > 127 ? byte - 256 : byte), 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

/** Attack: an empty checksum, which Go reads as 0, over bytes whose signed sum is 0. */
function headerWithoutChecksum(): Uint8Array {
  const header = headerOf("bin/sh", "\0");
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + (byte > 127 ? byte - 256 : byte), 0);
  const whole = Math.floor(sum / 128);
  header.fill(0x80, 10, 10 + whole);
  header[9] = 256 - (sum - whole * 128);
  header.fill(0, 148, 156);
  return header;
}

describe("may run", () => {
  it.each<[string, Uint8Array]>([
    ["gzip", gzipSync("{}")],
    ["bzip2", text("BZh91AY")],
    ["xz", new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
    ["zstd", new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0])],
    ["a skippable frame of zstd", new Uint8Array([0x5a, 0x2a, 0x4d, 0x18, 0])],
    ["tar in ustar", headerOf("bin/sh", "\0", "ustar\u000000")],
    ["tar in GNU's format", headerOf("bin/sh", "\0", "ustar  \0")],
    ["tar before ustar", headerOf("bin/sh", "\0")],
    ["tar of printable characters", headerOf('{"a": "', "a")],
    ["tar with a signed checksum", headerOf("caf\u00e9", "\0", "", true)],
    ["tar with an empty checksum", headerWithoutChecksum()],
  ])("%s", (_, start) => {
    expect(mayRun(start)).toBe(true);
  });
});

describe("does not run", () => {
  it.each<[string, Uint8Array]>([
    ["an empty blob", new Uint8Array()],
    ["JSON", text('{"critical": {}}')],
    ["long JSON", text(JSON.stringify({ text: "0123 ".repeat(500) })).subarray(0, HEADER)],
    ["XML", text("<?xml version='1.0'?><bom/>")],
    ["SPDX", text("SPDXVersion: SPDX-2.3\n")],
    ["part of a tar header", headerOf("bin/sh", "\0").subarray(0, 511)],
  ])("%s", (_, start) => {
    expect(mayRun(start)).toBe(false);
  });
});
