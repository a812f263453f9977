// The tally of the fills: what upstreams were asked for, how they answered, and what they sent. Counted for all objects of an isolate
// together, and told to the catalog within ten seconds; what an isolate has counted last may be lost with it.

import { Counting } from "../catalog/counts.ts";
import { Hours } from "../catalog/hours.ts";
import { openCatalog } from "../catalog/open.ts";
import { readTimes } from "../config/times.ts";
import type { Env } from "../env.ts";
import { meter } from "../meter/meter.ts";
import type { Digest } from "../oci/digest.ts";
import { originOf, type Source, sourceKey } from "../policy/source.ts";
import type { Tally } from "../upstream/tally.ts";

const counting = new Counting();
const hours = new Hours();
/** Fills at work, and when they last showed it, in ms since the epoch: of an object that was reset nobody tells the end. */
const fills = new Map<Digest, number>();
/** Its name, made when it is first told: outside of a handler the platform gives nothing random. */
let isolate: string | undefined;
/** Until when somebody has it in hand to tell, in ms since the epoch: an object that is gone tells nothing. */
let takenUntil = 0;
const LATE = 5_000;
/** A fill shows itself more often than this, in ms (fill/blob-fill). */
const SILENT = 15 * 60_000;

export interface FillTally extends Tally {
  /** A fill is at work, until it ends. */
  filling(digest: Digest, ended: Promise<void>): void;
  /** What came did not hash to its digest. @param detail what came, in words */
  unverified(source: Source, digest: Digest, detail: string): void;
}

/** @param env of the object that counts */
export function tallyOf(env: Env): FillTally {
  const soon = () => {
    const now = Date.now();
    if (now < takenUntil) return;
    const every = readTimes({ ...env }, []).reportEvery; // what is wrong with it is told at the door
    takenUntil = now + every + LATE;
    setTimeout(() => void tell(env), every);
  };
  const add = (source: Source, amounts: Parameters<Counting["add"]>[3]) => {
    counting.add(source.rule.name, sourceKey(source), Date.now(), amounts);
    soon();
  };
  return {
    answered: ({ source, kind, method }, answer) => {
      const rule = source.rule.name;
      const status = String(answer.status);
      meter.count("entrepot_upstream_requests", { rule, kind, method, status });
      meter.observe("entrepot_upstream_duration_seconds", { rule }, answer.waited / 1000);
      hours.add(originOf(source.rule), Date.now(), answer);
      // That a manifest is unknown, which a GET may confirm, is no pull of it.
      const isPull = kind === "manifest" && method === "GET" && answer.status !== 404;
      add(source, { upstreamRequests: 1, ...(isPull && { upstreamPulls: 1 }) });
    },
    received: (source, bytes) => {
      meter.count("entrepot_fetched_bytes", { rule: source.rule.name }, bytes);
      add(source, { bytesFetched: bytes });
    },
    became: ({ rule }, { what, at, detail }) => {
      meter.happened({ what: `upstream.${what}`, at, upstream: rule.upstream.host, detail });
      soon();
    },
    unverified: (source, digest, detail) => {
      meter.count("entrepot_verification_failures", { rule: source.rule.name });
      const place = sourceKey(source);
      meter.happened({ what: "verification.failed", at: Date.now(), place, digest, detail });
      soon();
    },
    filling: (digest, ended) => {
      fills.set(digest, Date.now());
      soon();
      void ended.then(() => {
        fills.delete(digest);
        soon();
      });
    },
  };
}

async function tell(env: Env): Promise<void> {
  takenUntil = 0;
  const at = Date.now();
  for (const [digest, shownAt] of fills) if (at - shownAt > SILENT) fills.delete(digest);
  const counts = counting.take();
  const told = hours.take();
  const metered = meter.take();
  try {
    isolate ??= crypto.randomUUID();
    const filling = { isolate, fills: fills.size, at };
    await openCatalog(env).report({
      images: [],
      blobs: [],
      counts,
      hours: told,
      filling,
      ...metered,
    });
  } catch (error) {
    counting.putBack(counts);
    hours.putBack(told);
    meter.putBack(metered);
    console.warn(
      `entrepot: the catalog was not told what was fetched: ${(error as Error).message}`,
    );
  }
}
