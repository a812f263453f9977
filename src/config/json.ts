// Variables that hold more than a word: wrangler hands over TOML as it is, and `--var` as a string of JSON.

/** The value, or what is wrong with its text. */
export function parseJson(given: unknown): { value: unknown } | { problem: string } {
  if (typeof given !== "string") return { value: given };
  try {
    return { value: JSON.parse(given) };
  } catch (error) {
    return { problem: `is not JSON: ${(error as Error).message}` };
  }
}
