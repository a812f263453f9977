// Overview figures: tiles and charts for a period, the most pulled repositories, and the month's savings.

import type { SummaryAnswer } from "../../api/catalog.ts";
import type { ReportAnswer, StatisticsAnswer } from "../../api/statistics.ts";
import { dayOf, hourOf } from "../../text/times.ts";
import type { Api } from "./api.ts";
import { Chart, type Point } from "./chart.tsx";
import { Bar, Card } from "./parts.tsx";
import { brief, bytes, count, percent, plural } from "./words.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

type StatisticsRow = StatisticsAnswer["rows"][number];
export type Range = "24 hours" | "30 days";

/** Returns a row for each hour or day, with zeros where nothing was counted. */
export async function rowsOf(
  api: Api,
  range: Range,
  now: number,
): Promise<(StatisticsRow & { at: string })[]> {
  const isLong = range === "30 days";
  const query = isLong ? { by: "day", days: 30 } : { by: "hour", days: 1 };
  const { rows } = await api.get<StatisticsAnswer>("/stats", query);
  const known = new Map(rows.map((row) => [(isLong ? row.day : row.hour)?.slice(0, 13), row]));
  const nameOf = isLong ? dayOf : hourOf;
  const [step, steps] = isLong ? [DAY, 30] : [HOUR, 24];
  return Array.from({ length: steps }, (_, index) => {
    const at = nameOf(now - (steps - 1 - index) * step);
    return { ...NOTHING, ...known.get(at), at };
  });
}

const NOTHING: StatisticsRow = {
  pulls: 0,
  hits: 0,
  misses: 0,
  collapsed: 0,
  stale: 0,
  errors: 0,
  bytesServed: 0,
  bytesFetched: 0,
  upstreamRequests: 0,
  upstreamPulls: 0,
};

type Amount = Exclude<keyof StatisticsRow, "day" | "hour" | "rule" | "repository" | "place">;

export function Tiles({ rows, stored }: { rows: readonly StatisticsRow[]; stored: SummaryAnswer }) {
  const sum = (name: Amount) => rows.reduce((all, row) => all + row[name], 0);
  const fromHere = sum("hits") + sum("stale");
  const saved = Math.max(0, sum("bytesServed") - sum("bytesFetched"));
  return (
    <dl class="tiles">
      <Tile
        name="Pulls"
        value={brief(sum("pulls"))}
        note={`${count(sum("upstreamPulls"))} from upstreams`}
      />
      <Tile
        name="Hit rate"
        value={percent(fromHere, fromHere + sum("misses") + sum("collapsed"))}
        note={`${brief(sum("collapsed"))} coalesced`}
      />
      <Tile name="Served" value={bytes(sum("bytesServed"))} note="to clients" />
      <Tile
        name="Saved"
        value={bytes(saved)}
        note={`${bytes(sum("bytesFetched"))} from upstreams`}
      />
      <Tile
        name="Stored"
        value={bytes(stored.bytes)}
        note={plural(stored.images, "image")}
        href="/images?sort=size"
      />
      <Tile
        name="Errors"
        value={brief(sum("errors"))}
        note={`${brief(sum("stale"))} served stale`}
      />
    </dl>
  );
}

function Tile({
  name,
  value,
  note,
  href,
}: {
  name: string;
  value: string;
  note: string;
  href?: string;
}) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd class="value">{href === undefined ? value : <a href={href}>{value}</a>}</dd>
      <dd class="hint">{note}</dd>
    </div>
  );
}

export function Plots({
  rows,
  range,
}: {
  rows: readonly (StatisticsRow & { at: string })[];
  range: Range;
}) {
  const points = (...names: Amount[]): Point[] =>
    rows.map((row) => ({
      name: range === "30 days" ? row.at.slice(5) : `${row.at.slice(11)}:00`,
      values: names.map((name) => row[name]),
    }));
  const answers: Amount[] = ["hits", "stale", "collapsed", "misses"];
  const each = range === "30 days" ? "day" : "hour";
  return (
    <>
      <Card>
        <Chart
          title={`Requests per ${each}`}
          kind="bars"
          series={["hits", "stale", "coalesced", "misses"]}
          points={points(...answers)}
          format={brief}
        />
      </Card>
      <Card>
        <Chart
          title={`Bytes per ${each}`}
          kind="lines"
          series={["to clients", "from upstreams"]}
          points={points("bytesServed", "bytesFetched")}
          format={bytes}
        />
      </Card>
    </>
  );
}

export function Top({ rows }: { rows: readonly StatisticsRow[] }) {
  const pulled = rows.filter(({ pulls }) => pulls > 0);
  const most = Math.max(1, ...pulled.map(({ pulls }) => pulls));
  if (pulled.length === 0) return <p class="hint">No pulls in this period.</p>;
  return (
    <ol class="ranks">
      {pulled.map((row) => (
        <li>
          <a href={`/images?q=${encodeURIComponent(row.repository ?? "")}`}>{row.repository}</a>
          <Bar part={row.pulls} whole={most} />
          <span class="number">{plural(row.pulls, "pull")}</span>
        </li>
      ))}
    </ol>
  );
}

export function Month({ report }: { report: ReportAnswer }) {
  const { saved, dockerHub, cost } = report;
  const { anonymous, personal } = dockerHub.windowsAvoided;
  return (
    <dl class="facts">
      <dt>Upstream pulls avoided</dt>
      <dd>{count(saved.pullsAvoided)}</dd>
      <dt>Upstream traffic avoided</dt>
      <dd>{bytes(saved.bytesAvoided)}</dd>
      <dt>Docker Hub rate limit windows avoided</dt>
      <dd>
        {count(Math.floor(anonymous))} anonymous, {count(Math.floor(personal))} with a Personal
        account
      </dd>
      <dt>Estimated Cloudflare cost</dt>
      <dd title={cost.notIncluded}>
        ${cost.total.toFixed(2)} so far, ${cost.projected.toFixed(2)} projected for the month
      </dd>
    </dl>
  );
}
