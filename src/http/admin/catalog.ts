// API routes for the catalog: totals and daily counts, and rebuilding it from R2.

import { rebuildQuery, rebuilt, summary, summaryQuery } from "../../api/catalog.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { Lifecycle } from "../../lifecycle/contract.ts";
import { dayOf } from "../../text/times.ts";
import { timeOf } from "../shared/answers.ts";
import { sweepRunning } from "./lifecycle.ts";
import { type Api, add, type Note } from "./routes.ts";

const DAY = 24 * 60 * 60_000;

export function addCatalog(api: Api, catalog: Catalog, opened: () => Lifecycle, note: Note): void {
  add(
    api,
    {
      method: "get",
      path: "/catalog",
      summary: "Returns totals of what is cached, and counts by day, rule and repository",
      query: summaryQuery,
      answer: summary,
    },
    async ({ days }) => {
      const from = dayOf(Date.now() - (days - 1) * DAY);
      const { reconciledAt, ...known } = await catalog.summary();
      const reconciled = reconciledAt === undefined ? {} : { reconciledAt: timeOf(reconciledAt) };
      return { ...known, ...reconciled, counts: await catalog.counts(from) };
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/catalog/rebuild",
      summary: "Rebuilds the catalog from R2, one step per request",
      query: rebuildQuery,
      answer: rebuilt,
      problems: [409],
    },
    async ({ fresh }, { req }) => {
      await note(req.raw, `rebuilt the catalog${fresh ? " from scratch" : ""}`);
      return (await opened().rebuild(fresh, Date.now())) ?? sweepRunning();
    },
  );
}
