// All clients that can be set up, and what is printed for one.

import type { Client } from "./client.ts";
import { CLUSTERS } from "./clusters.ts";
import { ENGINES } from "./engines.ts";
import type { Facts } from "./facts.ts";
import { NODES } from "./nodes.ts";
import { comment } from "./quote.ts";

export const CLIENTS: readonly Client[] = [...NODES, ...ENGINES, ...CLUSTERS];

/** A text that can be used as it is: what is said about it are its comments. */
export function setupOf(client: Client, facts: Facts): string {
  const comments = [client.title, ...client.notes(facts)].map(comment);
  // A script's first line stays the first.
  const lines = client.lines(facts);
  const shebang = lines[0]?.startsWith("#!") ? lines.splice(0, 1) : [];
  return `${[...shebang, ...comments, ...lines].join("\n").trimEnd()}\n`;
}

/** The list of them, for people with curl. */
export function setupIndex({ url }: Facts): string {
  const width = Math.max(...CLIENTS.map(({ name }) => name.length));
  const rows = CLIENTS.map(({ name, title }) => `${url}/setup/${name.padEnd(width)}  ${title}`);
  return `${rows.join("\n")}\n`;
}
