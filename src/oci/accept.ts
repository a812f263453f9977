// Accept negotiation, as far as registries need it (RFC 9110, 12.5.1).

/** Whether a client takes one of these media types. A client that sends no Accept takes anything. */
export function accepts(header: string | undefined, mediaTypes: readonly string[]): boolean {
  if (header === undefined || header.trim() === "") return true;
  return header.split(",").some((entry) => {
    const [type = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) return false;
    return mediaTypes.some(
      (mediaType) =>
        type === mediaType || type === "*/*" || type === `${mediaType.split("/")[0]}/*`,
    );
  });
}
