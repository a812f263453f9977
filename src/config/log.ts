// LOG: which requests are logged.

import { z } from "zod";

const LEVELS = ["all", "failures", "none"] as const;
export type LogLevel = (typeof LEVELS)[number];

export const logSchema = z
  .enum(LEVELS, { error: `must be one of ${LEVELS.map((one) => `"${one}"`).join(", ")}` })
  .default("all")
  .describe("Requests that are logged: all, failures only, or none.");

/** @param problems receives what is wrong */
export function readLog(value: unknown, problems: string[]): LogLevel {
  const parsed = logSchema.safeParse(value === "" ? undefined : value);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.map(({ message }) => `LOG: ${message}`));
  return "all";
}
