// Whether a text repeats a secret: as it is, in base64 or hex, percent-encoded, as HTML or JSON escapes, or in several of these. An
// upstream's error page that echoes its request must not carry the credentials to clients and logs. What repeats one is not
// told at all: half a secret would be one, too.

/** A shorter secret is part of words by chance, in characters. */
const LEAST = 4;
/** How often encodings may lie in one another. */
const MAX_ENCODINGS = 4;

/** @param secrets as they were sent; short ones are not looked for */
export function repeats(text: string, secrets: readonly string[]): boolean {
  const needles = secrets.filter(({ length }) => length >= LEAST).flatMap(formsOf);
  if (needles.length === 0 || text === "") return false;
  return readingsOf(text)
    .map(fold)
    .some((reading) => needles.some((needle) => reading.includes(needle)));
}

/** The text, and what it is with one layer of encoding less, and so on. */
function readingsOf(text: string): string[] {
  const readings = [text];
  while (readings.length < MAX_ENCODINGS) {
    const last = readings.at(-1) as string;
    const next = decode(last);
    if (next === last) break;
    readings.push(next);
  }
  return readings;
}

/** How a secret may be written: itself, hex, and base64, in which it stands at one of three offsets. */
function formsOf(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const binary = String.fromCharCode(...bytes);
  const inBase64 = [0, 1, 2].map((offset) =>
    // Characters that hold bits of what stands before or behind differ.
    btoa("\0".repeat(offset) + binary).slice(
      Math.ceil((offset * 8) / 6),
      Math.floor(((offset + bytes.length) * 8) / 6),
    ),
  );
  // A secret may look as if it were encoded, and is then decoded with the text.
  return [...readingsOf(secret), hex, ...inBase64]
    .map(fold)
    .filter(({ length }) => length >= LEAST - 1);
}

/** Without what encodings write differently: case (hosts are lower case), the signs that base64 and base64url differ in, line ends
 * and spaces (`+` in forms), and what is invisible and would be taken out later. */
function fold(text: string): string {
  return text.toLowerCase().replace(/[\s+\-_/\p{Cc}\p{Cf}\p{DI}]+/gu, "");
}

const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** One layer of percent-encoding, HTML and JSON escapes. */
function decode(text: string): string {
  return text
    .replace(/(?:%[0-9a-f]{2})+/gi, (found) => {
      const bytes = found.match(/[0-9a-f]{2}/gi) ?? [];
      return new TextDecoder().decode(Uint8Array.from(bytes, (hex) => Number.parseInt(hex, 16)));
    })
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (found, ...parts) => {
      const [decimal, hex, name] = parts as (string | undefined)[];
      if (name !== undefined) return NAMED[name.toLowerCase()] ?? found;
      return characterAt(decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal));
    })
    .replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(["'\\/]))/gi, (_, unit, byte, sign) =>
      sign === undefined ? characterAt(Number.parseInt(unit ?? byte, 16)) : sign,
    );
}

function characterAt(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
}
