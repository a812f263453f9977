// Client setups: all supported clients, and the text printed for one.

import type { Client } from "./client.ts";
import { CLUSTERS } from "./clusters.ts";
import { ENGINES } from "./engines.ts";
import type { Facts } from "./facts.ts";
import { NODES } from "./nodes.ts";
import { comment } from "./quote.ts";

export const CLIENTS: readonly Client[] = [...NODES, ...ENGINES, ...CLUSTERS];

/** A text that is usable as printed; its notes are comments. */
export function setupOf(client: Client, facts: Facts): string {
  const comments = [client.title, ...client.notes(facts)].map(comment);
  // A shebang must stay the first line.
  const lines = client.lines(facts);
  const shebang = lines[0]?.startsWith("#!") ? lines.splice(0, 1) : [];
  return `${[...shebang, ...comments, ...lines].join("\n").trimEnd()}\n`;
}

/** The list of clients, for use with curl. */
export function setupIndex({ url }: Facts): string {
  const width = Math.max(...CLIENTS.map(({ name }) => name.length));
  const rows = CLIENTS.map(({ name, title }) => `${url}/setup/${name.padEnd(width)}  ${title}`);
  return `${rows.join("\n")}\n`;
}
