// Accept negotiation, to the extent that registries need it (RFC 9110, 12.5.1).

/** Whether a client accepts one of these media types. A client that sends no Accept accepts all. */
export function accepts(header: string | undefined, mediaTypes: readonly string[]): boolean {
  if (header === undefined || header.trim() === "") return true;
  const ranges = header.split(",").map(parseRange);
  return mediaTypes.some((mediaType) => {
    // The most specific matching range decides, regardless of order.
    const [family = ""] = mediaType.split("/");
    for (const range of [mediaType, `${family}/*`, "*/*"]) {
      const matching = ranges.filter(({ type }) => type === range);
      if (matching.length > 0) return matching.some(({ refused }) => !refused);
    }
    return false;
  });
}

function parseRange(entry: string): { type: string; refused: boolean } {
  const [type = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
  const refused = parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter));
  return { type, refused };
}
