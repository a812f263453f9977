// What a measurement says, and how that is printed: a table for README.md, or JSON with every sample.

export interface Row {
  what: string;
  entrepot: string;
  /** What it is compared with, and that one's number. */
  beside: string;
  /** Of medians, in words that say which way is better. */
  ratio: string;
  /** As the project states it; absent where it states none. */
  aim?: { text: string; met: boolean };
  /** Every sample by its side, in seconds, bytes or requests a second. */
  samples: Record<string, readonly number[]>;
}

export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ what, entrepot, beside, ratio, aim }) => [
    what,
    entrepot,
    beside,
    ratio,
    aim ? `${aim.text}: ${aim.met ? "met" : "**missed**"}` : "",
  ]);
  const head = ["Measured", "Entrepot", "Beside it", "Ratio", "Aim"];
  const lines = [head, head.map(() => "---"), ...cells];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

export function seconds(value: number): string {
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`;
}

/** Decimal megabytes. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000)} MB`;
}

export function perSecond(value: number): string {
  return `${Math.round(value)}/s`;
}

/** `3 × the time`; two digits suffice for what is as noisy as this. */
export function times(value: number, of: string): string {
  return `${value.toFixed(2)} × the ${of}`;
}
