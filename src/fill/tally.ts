// The tally of the fills: what upstreams were asked for, and what they sent. Counted for all objects of an isolate together, and told
// to the catalog within ten seconds; what an isolate has counted last may be lost with it.

import { Counting } from "../catalog/counts.ts";
import { openCatalog } from "../catalog/open.ts";
import { readTimes } from "../config/times.ts";
import type { Env } from "../env.ts";
import { sourceKey } from "../policy/source.ts";
import type { Tally } from "../upstream/request.ts";

const counting = new Counting();
/** Until when somebody has it in hand to tell, in ms since the epoch: an object that is gone tells nothing. */
let takenUntil = 0;
const LATE = 5_000;

/** @param env of the object that counts */
export function tallyOf(env: Env): Tally {
  const add: (...args: Parameters<Counting["add"]>) => void = (...args) => {
    counting.add(...args);
    const now = Date.now();
    if (now < takenUntil) return;
    const every = readTimes({ ...env }, []).reportEvery; // what is wrong with it is told at the door
    takenUntil = now + every + LATE;
    setTimeout(() => void tell(env), every);
  };
  return {
    asked: (source) =>
      add(source.rule.name, sourceKey(source), Date.now(), { upstreamRequests: 1 }),
    received: (source, bytes) =>
      add(source.rule.name, sourceKey(source), Date.now(), { bytesFetched: bytes }),
  };
}

async function tell(env: Env): Promise<void> {
  takenUntil = 0;
  const counts = counting.take();
  try {
    await openCatalog(env).report({ images: [], blobs: [], counts });
  } catch (error) {
    counting.putBack(counts);
    console.warn(
      `entrepot: the catalog was not told what was fetched: ${(error as Error).message}`,
    );
  }
}
