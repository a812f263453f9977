// Sanitizer: makes foreign text safe for a terminal, a log line or a page. Removes control characters and escape sequences, which move the
// cursor, rewrite lines and titles and fill a terminal's clipboard; replaces what reverses or hides text (bidirectional overrides,
// zero-width and other invisible characters), which makes one name look like another; and bounds the length.

/** Maximum length of a text in a message, in UTF-16 units. */
export const MAX_TEXT = 2_000;
/** Maximum length of an error's stack in the log, in UTF-16 units. */
const MAX_STACK = 8_000;

/** ECMA-48 control sequences (`ESC [ … m`), strings with their terminator (`ESC ] … BEL`: a title, a link, the clipboard) and other
 * escapes, in 7-bit and 8-bit form. No part matches the start of a sequence, which keeps matching linear. */
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it matches
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u0090-\u009f]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]?/g;
/** Fast path: text that needs no change, which nearly all text is. */
const PRINTABLE = /^[ -~]*$/;
/** Control characters: C0, DEL, C1, and the line and paragraph separators. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;
/** Characters that are invisible or reorder text: formats, default-ignorable code points, and lone surrogates. */
const INVISIBLE = /[\p{Cf}\p{DI}\p{Cs}]+/gu;

/** One line of text that is safe to show: sequences are removed, control characters become a space, invisible ones U+FFFD.
 * @param max in UTF-16 units; longer text is cut and ends with … */
export function plain(text: string, max = MAX_TEXT): string {
  const cut = text.length > max ? text.slice(0, max) : text;
  const shown = PRINTABLE.test(cut)
    ? cut
    : cut.replace(SEQUENCES, "").replace(CONTROL, " ").replace(INVISIBLE, "\ufffd");
  return cut === text ? shown : `${shown}…`;
}

/** The characters that plain() removes, except the line feeds of indentation; JSON.stringify itself escapes only C0. */
const UNSAFE_IN_JSON = /(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{DI}\p{Cs}]/gu;

/** Equivalent JSON that is safe to print: unsafe characters are escaped. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  if (PRINTABLE.test(text)) return text;
  return text.replace(UNSAFE_IN_JSON, (found) => {
    const units = Array.from({ length: found.length }, (_, at) => found.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}

const UNSAFE_IN_PAGE = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{DI}\p{Cs}]/gu;

/** Escaped HTML without characters that reorder or hide its text. */
export function pageText(html: string): string {
  return html.replace(UNSAFE_IN_PAGE, "\ufffd");
}

/** Message of a thrown value, for the log. Queries of URLs are removed: a request's error quotes its URL, and a parser's error its input,
 * whose query may be a signature. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return plain(withoutQueries(message.slice(0, MAX_TEXT + 1)));
}

/** Removes queries and fragments of URLs: those of pre-signed URLs are credentials. */
export function withoutQueries(text: string): string {
  return text.replace(/\b(https?:\/\/[^\s"'<>?#]{0,2000})[?#][^\s"'<>]*/gi, "$1?…");
}

/** Sanitizes all that is logged, since `wrangler tail` and `npm start` print logs to terminals. */
export function guard(console: Pick<Console, (typeof LEVELS)[number]>): void {
  for (const level of LEVELS) {
    const log = console[level].bind(console);
    console[level] = (...values: unknown[]) => log(...values.map(loggedAs));
  }
}

const LEVELS = ["log", "info", "warn", "error", "debug"] as const;

function loggedAs(value: unknown): unknown {
  if (typeof value === "string") return plain(value, Number.POSITIVE_INFINITY);
  if (!(value instanceof Error)) return value;
  const stack = (value.stack ?? String(value)).slice(0, MAX_STACK);
  const cause = value.cause === undefined ? "" : `\ncaused by ${reasonOf(value.cause)}`;
  return plainLines(withoutQueries(stack)) + cause;
}

/** Applies plain() to each line, and keeps line feeds. */
export function plainLines(text: string): string {
  return text
    .split("\n")
    .map((line) => plain(line, Number.POSITIVE_INFINITY))
    .join("\n");
}
