// Foreign text made fit for a terminal, a log line or a page: no control characters and escape sequences (they move the cursor,
// rewrite lines and titles, and fill the clipboard of a terminal), nothing that reverses or hides text (bidirectional overrides,
// zero-width and other invisible characters, which make one name look like another), and a bound.

/** Of a text in a message, in UTF-16 units. */
export const MAX_TEXT = 2_000;
/** Of the stack of an error in the log. */
const LONGEST_STACK = 8_000;

/** ECMA-48: control sequences (`ESC [ … m`), strings with their end (`ESC ] … BEL`, a title, a link, the clipboard), and other
 * escapes; in seven and in eight bits. Each part excludes what a sequence begins with, which keeps it linear. */
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u0090-\u009f]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]?/g;
/** Nothing to do, at the price of a look: nearly every text. */
const PRINTABLE = /^[ -~]*$/;
/** What moves: C0, DEL, C1, and the line and paragraph separators. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;
/** What is not seen, or turns what is: formats, ignorable code points, and half surrogates. */
const INVISIBLE = /[\p{Cf}\p{DI}\p{Cs}]+/gu;

/** One line of text as it can be shown. Sequences go, control characters become a space, what is invisible U+FFFD.
 * @param most in UTF-16 units; what is longer is cut, and ends in … */
export function plain(text: string, most = MAX_TEXT): string {
  const cut = text.length > most ? text.slice(0, most) : text;
  const shown = PRINTABLE.test(cut)
    ? cut
    : cut.replace(SEQUENCES, "").replace(CONTROL, " ").replace(INVISIBLE, "\ufffd");
  return cut === text ? shown : `${shown}…`;
}

/** What plain() takes away, but for the line feeds of an indented text: JSON.stringify escapes only C0 by itself. */
const UNSAFE_IN_JSON = /(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{DI}\p{Cs}]/gu;

/** JSON that means the same, and can be printed as it is: what is unsafe is escaped. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  if (PRINTABLE.test(text)) return text;
  return text.replace(UNSAFE_IN_JSON, (found) => {
    const units = Array.from({ length: found.length }, (_, at) => found.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}

const UNSAFE_IN_PAGE = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{DI}\p{Cs}]/gu;

/** A page of HTML, of which escaping has made text, without what turns and hides that text. */
export function pageText(html: string): string {
  return html.replace(UNSAFE_IN_PAGE, "\ufffd");
}

/** Why something failed, for the log: the message of whatever was thrown. A parser's quotes what it parsed, and a request's its
 * address, whose query may be a signature. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return plain(withoutQueries(message.slice(0, MAX_TEXT + 1)));
}

/** Addresses without their queries and fragments: those of pre-signed addresses are credentials. */
export function withoutQueries(text: string): string {
  return text.replace(/\b(https?:\/\/[^\s"'<>?#]{0,2000})[?#][^\s"'<>]*/gi, "$1?…");
}

/** Has all that is logged pass here: `wrangler tail` and `npm start` print logs to terminals. */
export function guard(console: Pick<Console, (typeof LEVELS)[number]>): void {
  for (const level of LEVELS) {
    const log = console[level].bind(console);
    console[level] = (...told: unknown[]) => log(...told.map(loggedAs));
  }
}

const LEVELS = ["log", "info", "warn", "error", "debug"] as const;

function loggedAs(told: unknown): unknown {
  if (typeof told === "string") return plain(told, Number.POSITIVE_INFINITY);
  if (!(told instanceof Error)) return told;
  const stack = (told.stack ?? String(told)).slice(0, LONGEST_STACK);
  const cause = told.cause === undefined ? "" : `\ncaused by ${reasonOf(told.cause)}`;
  return plainLines(withoutQueries(stack)) + cause;
}

/** Each line as plain() has it; the line feeds stay. */
export function plainLines(text: string): string {
  return text
    .split("\n")
    .map((line) => plain(line, Number.POSITIVE_INFINITY))
    .join("\n");
}
