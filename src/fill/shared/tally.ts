// Fill tally: upstream requests, their answers and bytes, counted for all objects of an isolate and reported to the
// catalog within ten seconds. Counts not yet reported are lost with the isolate.

import { openCatalog } from "../../catalog/open.ts";
import { Counting } from "../../catalog/record/counts.ts";
import { Hours } from "../../catalog/record/hours.ts";
import { readTimes } from "../../config/times.ts";
import { meter } from "../../meter/meter.ts";
import type { Digest } from "../../oci/digest.ts";
import { originOf, type Source, sourceKey } from "../../policy/source.ts";
import type { Tally } from "../../upstream/client/tally.ts";
import type { FillBindings } from "../contract.ts";

const counting = new Counting();
const hours = new Hours();
/**
 * Running fills, and when each last showed activity, in ms since the epoch: an object that was reset reports no end.
 */
const fills = new Map<Digest, number>();
/** Random name of the isolate, created at the first report: the platform offers no randomness outside of handlers. */
let isolate: string | undefined;
/** Until when a scheduled report counts as pending, in ms since the epoch: an object that was aborted never sends its
 * own. */
let scheduledUntil = 0;
const REPORT_SLACK = 5_000;
/** Time in ms without activity after which a fill counts as ended; its alarm shows activity more often
 * (fill/blob/blob-fill). */
const FILL_TIMEOUT = 15 * 60_000;

export interface FillTally extends Tally {
  /** Counts a running fill until it ends. */
  filling(digest: Digest, ended: Promise<void>): void;
  /** Records content that did not match its digest.
   * @param detail description of what came */
  unverified(source: Source, digest: Digest, detail: string): void;
}

/** @param env bindings of the object that counts */
export function tallyOf(env: FillBindings): FillTally {
  const soon = () => {
    const now = Date.now();
    if (now < scheduledUntil) return;
    const every = readTimes({ ...env }, []).reportEvery; // configuration errors are reported at the entry
    scheduledUntil = now + every + REPORT_SLACK;
    setTimeout(() => void sendReport(env), every);
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
      // A GET answered with 404 is no pull.
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

async function sendReport(env: FillBindings): Promise<void> {
  scheduledUntil = 0;
  const at = Date.now();
  for (const [digest, shownAt] of fills) if (at - shownAt > FILL_TIMEOUT) fills.delete(digest);
  const counts = counting.take();
  const hourly = hours.take();
  const metered = meter.take();
  try {
    isolate ??= crypto.randomUUID();
    const filling = { isolate, fills: fills.size, at };
    await openCatalog(env).report({
      images: [],
      blobs: [],
      counts,
      hours: hourly,
      filling,
      ...metered,
    });
  } catch (error) {
    counting.putBack(counts);
    hours.putBack(hourly);
    meter.putBack(metered);
    console.warn(
      `entrepot: reporting upstream requests to the catalog failed, will retry: ${(error as Error).message}`,
    );
  }
}
