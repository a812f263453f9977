// JSON bounds: maximum depth and number of values, counted in one pass over the bytes without parsing.

/** Maximum nesting of arrays and objects: manifests and their configs have 6 levels, attestations a few more. Structured clone, which sends
 * values to Durable Objects, fails somewhere between 1,000 and 10,000 levels (measured). */
export const MAX_DEPTH = 64;
/** Maximum number of values, counting members of objects and elements of arrays: an empty object takes 3 bytes of text, but 28 of an
 * isolate's 128 MB. A tag list of 8 MiB has fewer. */
export const MAX_VALUES = 500_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The exceeded bound, as the end of a sentence that begins with "it"; undefined if there is none. Invalid JSON is left to the parser. */
export function jsonProblem(json: Uint8Array): string | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case QUOTE:
        at = endOfString(json, at);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        depth += 1;
        values += 1;
        if (depth > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth -= 1;
        break;
      case COMMA:
        values += 1;
        break;
    }
    if (values > MAX_VALUES) return `holds more than ${MAX_VALUES} values`;
  }
  return undefined;
}

/** Index of the string's closing quote. @param from index of its opening quote */
function endOfString(json: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}
