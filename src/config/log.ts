// LOG: which requests have a line in the log.

import { z } from "zod";

const LEVELS = ["all", "failures", "none"] as const;
export type LogLevel = (typeof LEVELS)[number];

export const logSchema = z
  .enum(LEVELS, { error: `must be one of ${LEVELS.map((one) => `"${one}"`).join(", ")}` })
  .default("all")
  .describe("Which requests have a line in the log.");

/** @param problems takes what is wrong */
export function readLog(value: unknown, problems: string[]): LogLevel {
  const parsed = logSchema.safeParse(value === "" ? undefined : value);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.map(({ message }) => `LOG: ${message}`));
  return "all";
}
