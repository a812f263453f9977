// `GET /metrics` for Prometheus: counters since the catalog was created, and gauges of the present state.

import type { AccessSnapshot, Later } from "../../access/access-snapshot.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { CatalogSummary, RunReport } from "../../catalog/sweep/contract.ts";
import type { Config } from "../../config/read.ts";
import { originOf } from "../../policy/source.ts";
import { type Allowances, isConfirmed } from "../../policy/trust.ts";
import { rootEndOf } from "../../signatures/released.ts";
import type { UpstreamState, Watch } from "../../upstream/contract.ts";
import type { Webhooks } from "../../webhooks/open.ts";
import { HARMLESS } from "../shared/respond.ts";
import { exposition, type Gauge } from "./exposition.ts";
import { ApiProblem } from "./problem.ts";
import { webhookNumbers } from "./webhook-numbers.ts";

/** Minimum interval between counts of what is stored, in ms: a count reads the whole catalog. */
const COUNT_INTERVAL = 60_000;

/** What the metrics are read from. */
interface Sources {
  readonly catalog: Catalog;
  readonly gate: Watch;
  readonly snapshot: Pick<AccessSnapshot, "allowances">;
  readonly webhooks: Webhooks;
}

export class Metrics {
  readonly #sources: Sources;
  #stored: { summary: CatalogSummary; at: number } | undefined;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** @param now in ms since the epoch */
  async answer(config: Config, request: Request, now: number, later: Later): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD")
      throw new ApiProblem("method-not-allowed", "this takes GET", { Allow: "GET, HEAD" });
    const { catalog, snapshot, webhooks } = this.#sources;
    const [numbers, summary, [run], upstreams, allowances, hooks] = await Promise.all([
      catalog.numbers(now),
      this.#summary(now),
      catalog.runs(1),
      this.#upstreams(config),
      snapshot.allowances(now, later),
      webhookNumbers(config, webhooks),
    ]);
    const gauges = [
      gauge("entrepot_fills_in_progress", "Blobs being fetched.", numbers.fills),
      gauge(
        "entrepot_tags_held",
        "Tags kept at an older digest, or refused, by a minimum age.",
        numbers.held ?? 0,
      ),
      ...storageOf(summary),
      ...vulnerabilitiesOf(summary),
      ...lifecycleOf(run),
      ...upstreamsOf(upstreams, now),
      allowancesOf(allowances, now),
      ...hooks.gauges,
      ...trustedRootOf(config),
    ];
    const { type, text } = exposition(
      [...numbers.samples, ...hooks.samples],
      gauges,
      request.headers.get("accept"),
    );
    const headers = { "Content-Type": type, "Cache-Control": "no-store", ...HARMLESS };
    return new Response(request.method === "HEAD" ? null : text, { headers });
  }

  async #summary(now: number): Promise<CatalogSummary> {
    if (this.#stored && Math.abs(now - this.#stored.at) < COUNT_INTERVAL)
      return this.#stored.summary;
    const summary = await this.#sources.catalog.summary();
    this.#stored = { summary, at: now };
    return summary;
  }

  async #upstreams({ rules }: Config): Promise<[string, UpstreamState][]> {
    const first = new Map(rules.toReversed().map(({ rule }) => [originOf(rule), rule]));
    return Promise.all(
      [...first].map(
        async ([origin, rule]) =>
          [origin, await this.#sources.gate.state(rule)] as [string, UpstreamState],
      ),
    );
  }
}

function gauge(name: string, help: string, value: number): Gauge {
  return { name, help, values: [{ value }] };
}

function storageOf({ bytes, repositories, images, tags, manifests, blobs }: CatalogSummary) {
  const kinds = { repositories, images, tags, manifests, blobs };
  return [
    gauge("entrepot_stored_bytes", "Bytes stored in R2, counted within the last minute.", bytes),
    {
      name: "entrepot_stored_objects",
      help: "Number of cached objects by kind, counted within the last minute.",
      values: Object.entries(kinds).map(([kind, value]) => ({ labels: { kind }, value })),
    },
  ];
}

function trustedRootOf(config: Config): Gauge[] {
  const end = rootEndOf(config);
  if (end === undefined) return [];
  const help = "End of the trusted root of keyless signatures, if a rule needs it.";
  return [gauge("entrepot_trusted_root_end_timestamp_seconds", help, end / 1000)];
}

function vulnerabilitiesOf({ vulnerabilities }: CatalogSummary): Gauge[] {
  if (!vulnerabilities) return [];
  const severities = Object.entries(vulnerabilities.bySeverity);
  return [
    gauge(
      "entrepot_scanned_images",
      "Cached manifests that a vulnerability scanner has reported on.",
      vulnerabilities.scanned,
    ),
    {
      name: "entrepot_vulnerable_images",
      help: "Cached manifests by the severity of their worst vulnerability.",
      values: severities.map(([severity, { images }]) => ({ labels: { severity }, value: images })),
    },
    {
      name: "entrepot_vulnerabilities",
      help: "Vulnerabilities of cached manifests by severity, each counted once for each manifest; fixable where a fix is known or may exist.",
      values: severities.flatMap(([severity, { found, fixable }]) => [
        { labels: { severity, fixable: "true" }, value: fixable },
        { labels: { severity, fixable: "false" }, value: found - fixable },
      ]),
    },
  ];
}

function lifecycleOf(run: RunReport | undefined): Gauge[] {
  if (!run) return [];
  const { endedAt, startedAt, deleted, bytesFreed, error } = run;
  return [
    gauge(
      "entrepot_lifecycle_last_run_timestamp_seconds",
      "End of the last lifecycle run, or its start while it is running.",
      (endedAt ?? startedAt) / 1000,
    ),
    gauge(
      "entrepot_lifecycle_last_run_failed",
      "1 if the last lifecycle run failed.",
      error === undefined ? 0 : 1,
    ),
    {
      name: "entrepot_lifecycle_last_run_deleted",
      help: "Number of objects that the last lifecycle run deleted, by kind.",
      values: Object.entries(deleted).map(([kind, value]) => ({ labels: { kind }, value })),
    },
    gauge(
      "entrepot_lifecycle_last_run_freed_bytes",
      "Bytes freed by the last lifecycle run.",
      bytesFreed,
    ),
  ];
}

function upstreamsOf(upstreams: readonly [string, UpstreamState][], now: number): Gauge[] {
  const budgets = upstreams.flatMap(([upstream, { budget }]) =>
    budget && now - budget.seenAt < budget.window ? [{ labels: { upstream }, budget }] : [],
  );
  return [
    {
      name: "entrepot_upstream_paused",
      help: "1 while requests to an upstream are paused after a 429 or failures: all requests, manifests by GET, one repository, or those of single identities.",
      values: upstreams.flatMap(([upstream, { pauses }]) =>
        (["all", "pulls", "repository", "identities"] as const).map((of) => ({
          labels: { upstream, of },
          value: pauses.some((pause) => pause.of === of) ? 1 : 0,
        })),
      ),
    },
    {
      name: "entrepot_upstream_spent_identities",
      help: "Identities that have used up their share of uncached content of an upstream (LIMITS).",
      values: upstreams.map(([upstream, { spent = 0 }]) => ({
        labels: { upstream },
        value: spent,
      })),
    },
    {
      name: "entrepot_upstream_pulls_remaining",
      help: "Pulls left of an upstream's rate limit, as last reported within its window.",
      values: budgets.map(({ labels, budget }) => ({ labels, value: budget.remaining })),
    },
    {
      name: "entrepot_upstream_pulls_limit",
      help: "Pulls that an upstream's rate limit allows in its window.",
      values: budgets.map(({ labels, budget }) => ({ labels, value: budget.limit })),
    },
  ];
}

function allowancesOf(allowances: Allowances, now: number): Gauge {
  const current = [...allowances.values()].filter(({ until }) => until > now);
  const confirmed = current.filter(isConfirmed).length;
  const values = { true: confirmed, false: current.length - confirmed };
  return {
    name: "entrepot_allowances",
    help: "Allowances (break-glass) that have not ended, by whether a second person has confirmed them.",
    values: Object.entries(values).map(([confirmed, value]) => ({ labels: { confirmed }, value })),
  };
}
