// JSON of variables: wrangler passes TOML tables and lists as values, and `--var` as a string of JSON.

/** The value, or the problem without the parser's message, which quotes the text: a variable may be a secret. */
export function parseJson(given: unknown): { value: unknown } | { problem: string } {
  if (typeof given !== "string") return { value: given };
  try {
    return { value: JSON.parse(given) };
  } catch (error) {
    const [, position] = / at position (\d+)/.exec((error as Error).message) ?? [];
    return {
      problem: position ? `is not JSON: error at character ${position}` : "is not JSON",
    };
  }
}
