// Runnable content: whether the first bytes of a blob may be those of a layer. Docker unpacks layers by their bytes and ignores their media
// types (moby/go-archive, DetectCompression), so a type that says JSON proves nothing.

/** Size in bytes of a tar header, and number of first bytes that decide. */
export const HEADER = 512;

/** Beginnings of compressed data: gzip, bzip2, xz, zstd; zstd's skippable frames are checked beside. */
const MAGICS = [
  [0x1f, 0x8b],
  [0x42, 0x5a, 0x68],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x28, 0xb5, 0x2f, 0xfd],
];
const SKIPPABLE = [0x2a, 0x4d, 0x18];

/** Whether a client could unpack it as a layer.
 * @param start the blob's first HEADER bytes, or all of a smaller one */
export function mayRun(start: Uint8Array): boolean {
  if (MAGICS.some((magic) => magic.every((byte, at) => start[at] === byte))) return true;
  const isSkippable =
    ((start[0] ?? 0) & 0xf0) === 0x50 && SKIPPABLE.every((byte, at) => start[at + 1] === byte);
  return isSkippable || isTarHeader(start);
}

/** By the checksum, as readers know it (Go, archive/tar, verifyChecksum). Attack: a header without "ustar", a magic that the formats
 * before it do not have, of printable characters alone. */
function isTarHeader(start: Uint8Array): boolean {
  if (start.byteLength < HEADER) return false;
  const field = new TextDecoder("latin1").decode(start.subarray(148, 156));
  const octal = field.replace(/^[ \0]+/, "").replace(/[ \0].*$/s, "");
  if (!/^[0-7]*$/.test(octal)) return false;
  let [unsigned, signed] = [0, 0];
  for (let at = 0; at < HEADER; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (start[at] as number);
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  // An empty field reads as 0, which the signed sum can be.
  const sum = Number.parseInt(octal || "0", 8);
  return sum === unsigned || sum === signed;
}
