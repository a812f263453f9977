// Setup of one client: its name, notes and configuration lines.

import type { Facts } from "./facts.ts";
import { hereLine, toml } from "./quote.ts";

export interface Client {
  /** As in `/setup/<name>`. */
  name: string;
  title: string;
  /** Notes, each printed as a comment line. */
  notes(facts: Facts): string[];
  /** Lines of the files or commands, ready to use. */
  lines(facts: Facts): string[];
}

/** The pull token is read from the environment, so that no token is ever printed. */
export const TOKEN = "$ENTREPOT_TOKEN";

/** Notes where a rule enforces checks: for files that leave no way to the registry, and for clients that always have one. */
export const NO_FALLBACK =
  "This file leaves no way to the registries, also while the cache cannot be reached: what a rule refuses stays refused.";
export const CANNOT_ENFORCE =
  "name this cache in image references instead, and block the registries on the network.";

/** Opening of a shell script: stops at the first failure and if the token is missing. */
export function script({ login }: Facts): string[] {
  return ["set -eu", ...(login ? [`: "${TOKEN}" # a pull token, entrepot_…`] : [])];
}

/** A line of a file in which the shell expands variables. It contains no configured names. */
export interface Expanded {
  expanded: string;
}

export function expanded(line: string): Expanded {
  return { expanded: line };
}

/** Shell commands that write a file with exactly these lines, except that the shell expands variables in `expanded` lines.
 * `path` is placed in double quotes. */
export function file(
  path: string,
  lines: readonly (string | Expanded)[],
  secret = false,
): string[] {
  const isLiteral = lines.every((line) => typeof line === "string");
  const written = lines.map((line) => {
    if (typeof line !== "string") return line.expanded;
    return isLiteral ? line : hereLine(line);
  });
  let end = "END";
  while (written.some((line) => line.split("\n").includes(end))) end += "_";
  return [
    ...(secret ? [`touch "${path}" && chmod 600 "${path}"`] : []),
    `cat > "${path}" <<${isLiteral ? `'${end}'` : end}`,
    ...written,
    end,
  ];
}

/** Shell command that sets the variable to the Basic credentials (RFC 7617). */
export function encodedIn(variable: string): string {
  return `${variable}="$(printf 'token:%s' "${TOKEN}" | base64 | tr -d '\\n')"`;
}

export const BUILDKIT_CANNOT = `Mirrors cannot enforce: BuildKit asks the registry itself for what this cache refuses; ${CANNOT_ENFORCE}`;

/** The mirror section of a buildkitd.toml. */
export function buildkitMirrors({ mirrored }: Facts): string[] {
  return mirrored.flatMap(({ registry, location }) => [
    `[registry.${toml(registry)}]`,
    `  mirrors = [${toml(location)}]`,
  ]);
}
