// LOG: which requests have a line in the log.

export type LogLevel = "all" | "failures" | "none";

const LEVELS: readonly LogLevel[] = ["all", "failures", "none"];

/** @param problems takes what is wrong */
export function readLog(value: unknown, problems: string[]): LogLevel {
  if (value === undefined || value === "") return "all";
  const level = LEVELS.find((one) => one === value);
  if (!level) problems.push(`LOG: must be one of ${LEVELS.map((one) => `"${one}"`).join(", ")}`);
  return level ?? "all";
}
