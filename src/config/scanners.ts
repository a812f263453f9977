// SCANNERS: scanners of vulnerabilities, each with a name and the token that it reports with.

import { z } from "zod";
import { SHORTEST_SECRET } from "./auth.ts";
import { pattern, secretName } from "./fields.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import { OWN_SECRETS } from "./secrets.ts";

/** Maximum number of scanners: a verdict keeps the findings of each. */
const MAX_SCANNERS = 20;

export const scannerName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    "must have at most 63 lower-case letters, digits and . _ -, such as trivy",
  );

export const scannerSchema = z.strictObject({
  name: scannerName.describe(
    "Its name. Its reports are kept under it, and no other token replaces them.",
  ),
  token: secretName
    // Attack: a token of the cache's viewers would change verdicts.
    .refine((name) => !OWN_SECRETS.includes(name), "is one of the cache's own secrets")
    .describe(
      "Name of the secret that it sends with its reports, of at least 32 characters. It opens nothing else.",
    ),
  repositories: z
    .array(pattern, { error: "must be a list of globs" })
    .min(1, "must name a repository")
    .optional()
    .describe(
      "Globs over repositories as clients name them, such as docker.io/acme/*: it may report on images of these. Default: all.",
    ),
});

export type Scanner = z.infer<typeof scannerSchema>;

/** @param value of the variable SCANNERS: a list, or its JSON as `--var` passes it */
export function readScanners(value: unknown, problems: string[]): Scanner[] {
  if (value === undefined || value === "") return [];
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`SCANNERS: ${given.problem}`);
    return [];
  }
  const list = z
    .array(scannerSchema, { error: "must be a list of tables: [[vars.SCANNERS]]" })
    .max(MAX_SCANNERS, `must have at most ${MAX_SCANNERS} entries`);
  const parsed = list.safeParse(given.value);
  if (!parsed.success) {
    problems.push(
      ...parsed.error.issues.flatMap((issue) => describe("SCANNERS", issue, "a scanner")),
    );
    return [];
  }
  for (const field of ["name", "token"] as const)
    parsed.data.forEach((one, index) => {
      const isTaken = parsed.data.findIndex((other) => other[field] === one[field]) < index;
      if (isTaken)
        problems.push(`SCANNERS[${index}].${field}: "${one[field]}" is another scanner's`);
    });
  return parsed.data;
}

/** Why its token admits no report, without its value; undefined if it does.
 * @param env the Worker's variables and secrets */
export function tokenProblem(
  env: Readonly<Record<string, unknown>>,
  { token }: Pick<Scanner, "token">,
): string | undefined {
  const value = env[token] ?? "";
  if (value === "") return `the secret ${token} is not set: \`npx wrangler secret put ${token}\``;
  if (typeof value === "string" && value.length >= SHORTEST_SECRET) return undefined;
  return `the secret ${token} has fewer than ${SHORTEST_SECRET} characters and could be guessed, so it is not accepted; create one with npm run entrepot -- secret`;
}
