// One client's setup: what it is called, and what is to be written for it.

import type { Facts } from "./facts.ts";

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

/** A file written by the shell, which puts its variables in. */
export function file(path: string, lines: readonly string[], secret = false): string[] {
  return [
    ...(secret ? [`touch "${path}" && chmod 600 "${path}"`] : []),
    `cat > "${path}" <<END`,
    ...lines,
    "END",
  ];
}

/** Shell that keeps the login as Basic has it (RFC 7617), in the variable of that name. */
export function encodedIn(variable: string): string {
  return `${variable}="$(printf 'token:%s' "${TOKEN}" | base64 | tr -d '\\n')"`;
}

/** A buildkitd.toml, as far as it is about mirrors. */
export function buildkitMirrors({ mirrored }: Facts): string[] {
  return mirrored.flatMap(({ registry, location }) => [
    `[registry."${registry}"]`,
    `  mirrors = ["${location}"]`,
  ]);
}
