// Explain: takes a reference and returns the steps of pulling it.

import type { Config } from "../config/read.ts";
import { parseReference } from "../oci/reference.ts";
import { collect, type Sources } from "./facts.ts";
import { type Story, tell } from "./story.ts";

export interface Explained extends Story {
  /** The reference as it was parsed. */
  reference: string;
}

export type Explain = (
  config: Config,
  reference: string,
  client: { host: string; ns: string | undefined },
  now: number,
) => Promise<Explained>;

/** The returned function throws NAME_INVALID (400) for an invalid reference. */
export function openExplain(sources: Omit<Sources, "config">): Explain {
  return async (config, text, client, now) => {
    const reference = parseReference(text, client.host);
    const facts = await collect({ ...sources, config }, reference, client, now);
    const { name, tag, digest } = reference;
    const understood = digest ? `${name}@${digest}` : `${name}:${tag}`;
    return { reference: understood, ...tell(facts, config.auth.mode) };
  };
}
