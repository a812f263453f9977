// One client's setup: what it is called, and what is to be written for it.

import type { Facts } from "./facts.ts";
import { hereLine, toml } from "./quote.ts";

export interface Client {
  /** As in `/setup/<name>`. */
  name: string;
  title: string;
  /** What has to be known or done beside it; each a line of comment. */
  notes(facts: Facts): string[];
  /** The files, or the commands, exactly as they are to be used: lines. */
  lines(facts: Facts): string[];
}

/** The pull token is read from the environment, so that none is ever printed here. */
export const TOKEN = "$ENTREPOT_TOKEN";

/** Shell that begins a script: it stops at the first failure, and where the token is missing. */
export function script({ login }: Facts): string[] {
  return ["set -eu", ...(login ? [`: "${TOKEN}" # a pull token, entrepot_…`] : [])];
}

/** A line of a file with a variable of the shell in it, and with no name of ours. */
export interface Expanded {
  expanded: string;
}

export function expanded(line: string): Expanded {
  return { expanded: line };
}

/** Shell that writes a file: every line as it is here, but for variables in lines that are `expanded`.
 * @param path within double quotes of the shell */
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

/** Shell that keeps the login as Basic has it (RFC 7617), in the variable of that name. */
export function encodedIn(variable: string): string {
  return `${variable}="$(printf 'token:%s' "${TOKEN}" | base64 | tr -d '\\n')"`;
}

/** A buildkitd.toml, as far as it is about mirrors. */
export function buildkitMirrors({ mirrored }: Facts): string[] {
  return mirrored.flatMap(({ registry, location }) => [
    `[registry.${toml(registry)}]`,
    `  mirrors = [${toml(location)}]`,
  ]);
}
