// Byte ranges: `Range` of clients (RFC 9110, 14.2) and `Content-Range` of upstreams (14.4).

/** A range with both ends inclusive, as in the header. */
export interface ByteRange {
  first: number;
  last: number;
}

/** Parses one byte range of a body of `size` bytes. `undefined`: ignore the header (no range, another unit, malformed, or several ranges,
 * which a server may ignore). "unsatisfiable": answer 416. */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? "");
  if (!match) return undefined;
  const [, from, to] = match;
  if (from) {
    const first = Number(from);
    const last = to ? Number(to) : size - 1;
    if (to && last < first) return undefined;
    return first >= size ? "unsatisfiable" : { first, last: Math.min(last, size - 1) };
  }
  if (!to) return undefined;
  const suffix = Number(to);
  if (suffix === 0 || size === 0) return "unsatisfiable";
  return { first: Math.max(0, size - suffix), last: size - 1 };
}

/** Parses `bytes 0-99/1000`; undefined if absent, malformed or without a total. */
export function parseContentRange(
  header: string | null,
): (ByteRange & { total: number }) | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(header?.trim() ?? "");
  if (!match) return undefined;
  const [first, last, total] = match.slice(1).map(Number) as [number, number, number];
  return first <= last && last < total ? { first, last, total } : undefined;
}
