// Variables that hold more than a word: wrangler hands over TOML as it is, and `--var` as a string of JSON.

/** The value, or what is wrong with its text: never in the parser's words, which quote it, and a variable may be a secret. */
export function parseJson(given: unknown): { value: unknown } | { problem: string } {
  if (typeof given !== "string") return { value: given };
  try {
    return { value: JSON.parse(given) };
  } catch (error) {
    const [, position] = / at position (\d+)/.exec((error as Error).message) ?? [];
    return { problem: position ? `is not JSON, from character ${position} on` : "is not JSON" };
  }
}
