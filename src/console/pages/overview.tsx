// Overview page: pulls, savings, upstream state and the most pulled repositories.

import type { SummaryAnswer } from "../../api/catalog.ts";
import type { RuleAnswer, RulesAnswer } from "../../api/rules.ts";
import type { EventsAnswer, ReportAnswer, StatisticsAnswer } from "../../api/statistics.ts";
import type { UpstreamHoursAnswer, UpstreamsAnswer } from "../../api/upstreams.ts";
import { alpineIn } from "../../config/docker-hub.ts";
import { shell } from "../../setup/quote.ts";
import { withQuery } from "../parts/api.ts";
import { EventList } from "../parts/happenings.tsx";
import { Month, Plots, type Range, rowsOf, Tiles, Top } from "../parts/overview-numbers.tsx";
import { Card, CopyBlock, Empty, Problems, Tabs } from "../parts/parts.tsx";
import { UpstreamGauges } from "../parts/upstream-gauges.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";
import { plural } from "../parts/words.ts";

export function addOverview({ page }: Sections): void {
  page("/", overview);
}

async function overview(visit: PageVisit): Promise<View> {
  const { api, now, query } = visit;
  const range: Range = query.get("range") === "30d" ? "30 days" : "24 hours";
  const [rows, top, { upstreams }, stored, { events }, { rules }, report, { hours }] =
    await Promise.all([
      rowsOf(api, range, now),
      // Repositories are counted by day only.
      api.get<StatisticsAnswer>("/stats", {
        by: "repository",
        days: range === "30 days" ? 30 : 2,
        n: 10,
      }),
      api.get<UpstreamsAnswer>("/upstreams"),
      api.get<SummaryAnswer>("/catalog", { days: 1 }),
      api.get<EventsAnswer>("/events", { latest: "true", n: 6 }),
      api.get<RulesAnswer>("/rules"),
      api.get<ReportAnswer>("/report"),
      api.get<UpstreamHoursAnswer>("/upstreams/history", { hours: 2 }),
    ]);
  const wrong = rules.flatMap(({ name, problem }) => (problem ? [`${name}: ${problem}`] : []));
  const errors = rows.reduce((sum, row) => sum + row.errors, 0);
  const isNew = stored.images === 0 && rows.every(({ pulls }) => pulls === 0);
  return {
    title: "Overview",
    section: "/",
    body: (
      <div data-live="overview" data-every="15000">
        {wrong.length > 0 && <Problems problems={wrong} />}
        {isNew ? (
          <FirstPull visit={visit} rules={rules} errors={errors} />
        ) : (
          <>
            <Tabs
              label="Period"
              tabs={[
                ["/", "24 hours"],
                ["/?range=30d", "30 days"],
              ]}
              current={range}
            />
            <Tiles rows={rows} stored={stored} />
            <div class="columns">
              <Plots rows={rows} range={range} />
            </div>
          </>
        )}
        <div class="columns">
          <Card title="Upstreams" more={<a href="/upstreams">All upstreams</a>}>
            <UpstreamGauges upstreams={upstreams} hours={hours} now={now} />
          </Card>
          <Card title="This month" more={<span class="hint">{report.month}</span>}>
            <Month report={report} />
          </Card>
          {!isNew && (
            <Card
              title="Most pulled"
              more={
                <span class="hint">
                  {range === "30 days" ? "last 30 days" : "today and yesterday, UTC"}
                </span>
              }
            >
              <Top rows={top.rows} />
            </Card>
          )}
          <Card title="Recent events" more={<a href="/events">All events</a>}>
            <EventList events={events.toReversed()} now={now} />
          </Card>
        </div>
      </div>
    ),
  };
}

function FirstPull({
  visit,
  rules,
  errors,
}: {
  visit: PageVisit;
  rules: readonly RuleAnswer[];
  errors: number;
}) {
  const { host, protocol } = visit.url;
  const alpine = alpineIn(rules);
  const rule = rules.find(({ prefixes, problem }) => prefixes.length > 0 && !problem);
  const image = alpine ?? `${rule ? `${rule.prefixes[0]}/` : ""}some/image:tag`;
  const reference = alpine ?? `${rule?.prefixes[0] ?? "docker.io"}/library/alpine:latest`;
  return (
    <Empty title="No pulls yet">
      <p>Pull an image through this cache. Later pulls are served from here:</p>
      <CopyBlock label="First pull" text={`docker pull ${shell(`${host}/${image}`)}`} />
      {protocol === "http:" && (
        <p class="hint">
          Docker accepts plain HTTP from 127.0.0.1; Podman and Skopeo need{" "}
          <code>--tls-verify=false</code>.
        </p>
      )}
      {errors > 0 && (
        <p class="badge bad">
          {plural(errors, "request")} failed so far: see the state of the upstreams below, and their{" "}
          <a href="/upstreams">hourly history</a>.
        </p>
      )}
      <p class="buttons">
        <a class="button" href="/setup">
          Set up a client
        </a>
        <a class="button quiet" href={withQuery("/explain", { reference })}>
          Explain a pull
        </a>
      </p>
    </Empty>
  );
}
