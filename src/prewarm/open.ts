// Client of prewarming's one Durable Object.

import { remote } from "../platform/rpc.ts";
import type { Prewarm, PrewarmBindings } from "./contract.ts";

export function openPrewarm({ PREWARM }: PrewarmBindings): Prewarm {
  return remote<Prewarm>(PREWARM, "prewarm");
}
