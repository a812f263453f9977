// How deep and how large JSON may be: counted in one pass over its bytes, without parsing.

/** How deep arrays and objects may stand in one another: manifests and their configs have 6 levels, attestations some more. Structured
 * clone, which carries values to Durable Objects, ends between 1,000 and 10,000 (probe). */
export const MAX_DEPTH = 64;
/** How many values there may be, members of objects and elements of arrays: an empty object takes 28 bytes of an isolate's 128 MB and
 * 3 of the text. A tag list of 8 MiB has fewer. */
export const MOST_VALUES = 500_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** What is too much, to be read behind "it"; undefined where nothing is. What is no JSON at all is the parser's to say. */
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
    if (values > MOST_VALUES) return `holds more than ${MOST_VALUES} values`;
  }
  return undefined;
}

/** @param from where its first quote stands */
function endOfString(json: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}
