// The API's part about the catalog: what is cached, and what was counted.

import { rebuildQuery, rebuilt, summary, summaryQuery } from "../../api/catalog.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { Lifecycle } from "../../lifecycle/contract.ts";
import { timeOf } from "../shared/answers.ts";
import { atWork } from "./lifecycle.ts";
import { type Api, add, type Note } from "./routes.ts";

const DAY = 24 * 60 * 60_000;

export function addCatalog(api: Api, catalog: Catalog, opened: () => Lifecycle, note: Note): void {
  add(
    api,
    {
      method: "get",
      path: "/catalog",
      summary: "What is cached, and what was counted by day, rule and repository",
      query: summaryQuery,
      answer: summary,
    },
    async ({ days }) => {
      const from = new Date(Date.now() - (days - 1) * DAY).toISOString().slice(0, 10);
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
      summary: "Learns anew from R2 what is cached, a stretch at a time",
      query: rebuildQuery,
      answer: rebuilt,
      problems: [409],
    },
    async ({ fresh }, { req }) => {
      await note(req.raw, `had the catalog built anew${fresh ? ", from nothing" : ""}`);
      return (await opened().rebuild(fresh, Date.now())) ?? atWork();
    },
  );
}
