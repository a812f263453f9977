// Start of a stream: its first bytes; the rest is not read.

/** @param limit in bytes */
export async function startOf(stream: ReadableStream, limit: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(limit);
  let length = 0;
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  while (length < limit) {
    const { done, value } = await reader.read();
    if (done) break;
    const piece = value.subarray(0, limit - length);
    bytes.set(piece, length);
    length += piece.byteLength;
  }
  reader.cancel().catch(() => {}); // not needed
  return bytes.subarray(0, length);
}
