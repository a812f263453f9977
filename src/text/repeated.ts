// Secret detection: whether a text contains a secret, plain, in base64 or hex, percent-encoded, as HTML or JSON escapes, or in several of
// these. An upstream's error page that echoes its request must not carry the credentials to clients and logs. A text that contains one is
// dropped whole, since part of a secret is sensitive too.

/** Minimum length of a secret to search for, in characters: shorter ones occur in text by chance. */
const MIN_SECRET = 4;
/** Maximum number of readings of a text: the text itself, and one for each layer of encoding removed. */
const MAX_READINGS = 4;

/** @param secrets as they were sent; those shorter than MIN_SECRET are ignored */
export function repeats(text: string, secrets: readonly string[]): boolean {
  return containsForm(text, searchForms(secrets));
}

/** The forms of some secrets to search for, made once where many texts are searched. Those shorter than MIN_SECRET are ignored. */
export function searchForms(secrets: readonly string[]): readonly string[] {
  return secrets.filter(({ length }) => length >= MIN_SECRET).flatMap(formsOf);
}

/** @param forms made by searchForms */
export function containsForm(text: string, forms: readonly string[]): boolean {
  if (forms.length === 0 || text === "") return false;
  return readingsOf(text)
    .map(fold)
    .some((reading) => forms.some((form) => reading.includes(form)));
}

/** The text, then the text with one layer of encoding removed, and so on. */
function readingsOf(text: string): string[] {
  const readings = [text];
  while (readings.length < MAX_READINGS) {
    const last = readings.at(-1) as string;
    const next = decode(last);
    if (next === last) break;
    readings.push(next);
  }
  return readings;
}

/** The forms of a secret: plain, hex, and base64 at each of three byte offsets. */
function formsOf(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const binary = String.fromCharCode(...bytes);
  const inBase64 = [0, 1, 2].map((offset) =>
    // Omits the first and last characters, which also hold bits of the bytes around the secret.
    btoa("\0".repeat(offset) + binary).slice(
      Math.ceil((offset * 8) / 6),
      Math.floor(((offset + bytes.length) * 8) / 6),
    ),
  );
  // A secret that itself looks encoded is decoded along with the text.
  return [...readingsOf(secret), hex, ...inBase64]
    .map(fold)
    .filter(({ length }) => length >= MIN_SECRET - 1);
}

/** Normalizes what encodings write differently: removes the characters in which base64 and base64url differ, line ends, spaces (`+` in
 * forms), and invisible characters, which would be removed later; ignores case (hosts are lower case). */
function fold(text: string): string {
  return text.toLowerCase().replace(/[\s+\-_/\p{Cc}\p{Cf}\p{DI}]+/gu, "");
}

const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Removes one layer of percent-encoding, HTML and JSON escapes. */
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
