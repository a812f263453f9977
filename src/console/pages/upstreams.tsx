// Upstreams page: the state and history of upstreams, and the rules that use them.

import type { RuleAnswer, RulesAnswer } from "../../api/rules.ts";
import type {
  UpstreamAnswer,
  UpstreamHourAnswer,
  UpstreamHoursAnswer,
  UpstreamsAnswer,
} from "../../api/upstreams.ts";
import { hourOf } from "../../text/times.ts";
import { Chart } from "../parts/chart.tsx";
import { ActionLink, Card, Empty, Time } from "../parts/parts.tsx";
import { Columns, Scroll } from "../parts/table.tsx";
import { hostOf, isOf, UpstreamGauge } from "../parts/upstream-gauges.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";
import { brief, count, duration, percent } from "../parts/words.ts";

const HOUR = 60 * 60_000;

export function addUpstreams({ page }: Sections): void {
  page("/upstreams", upstreamsPage);
  page("/upstream", upstreamPage);
}

async function upstreamsPage({ api, now, person }: PageVisit): Promise<View> {
  const [{ upstreams }, { rules }, { hours }] = await Promise.all([
    api.get<UpstreamsAnswer>("/upstreams"),
    api.get<RulesAnswer>("/rules"),
    api.get<UpstreamHoursAnswer>("/upstreams/history", { hours: 24 }),
  ]);
  const mayChange = person.role === "admin";
  return {
    title: "Upstreams and rules",
    section: "/upstreams",
    body: (
      <>
        <div class="grid" data-live="upstreams" data-every="15000">
          {upstreams.map((upstream) => (
            <section class="card upstream">
              <UpstreamGauge upstream={upstream} now={now} />
              <Day hours={hours.filter((hour) => isOf(hour, upstream))} />
              <p>
                <a href={pathOf(upstream)}>Hourly history</a>
              </p>
            </section>
          ))}
        </div>
        <Card
          title="Rules"
          more={
            <ActionLink may={mayChange} href="/rules/new" kind="main">
              Add rule
            </ActionLink>
          }
        >
          <Rules rules={rules} now={now} />
        </Card>
      </>
    ),
  };
}

function Day({ hours }: { hours: readonly UpstreamHourAnswer[] }) {
  const sum = (name: "requests" | "failures" | "limited") =>
    hours.reduce((all, hour) => all + hour[name], 0);
  const requests = sum("requests");
  if (requests === 0) return <p class="hint">No requests in the last 24 hours.</p>;
  const waited = hours.reduce((all, { latency, requests }) => all + latency * requests, 0);
  return (
    <dl class="facts">
      <dt>Requests, last 24 h</dt>
      <dd>{count(requests)}</dd>
      <dt>Failed</dt>
      <dd>{percent(sum("failures"), requests)}</dd>
      <dt>Rate limited</dt>
      <dd>{count(sum("limited"))}</dd>
      <dt>Average time to first byte</dt>
      <dd>{duration(waited / requests)}</dd>
    </dl>
  );
}

function Rules({ rules, now }: { rules: readonly RuleAnswer[]; now: number }) {
  if (rules.length === 0)
    return (
      <Empty title="No rules yet">
        <p>A rule maps image names to an upstream registry.</p>
      </Empty>
    );
  return (
    <Scroll label="Rules">
      <table>
        <Columns names={["Rule", "Image names", "Upstream", "Source", "State"]} />
        <tbody>
          {rules.map((rule) => (
            <tr>
              <th scope="row">
                <a href={rulePath(rule.name)}>{rule.name}</a>
              </th>
              <td>
                {[...rule.prefixes.map((one) => `${one}/…`), ...rule.hosts].join(", ")}
                {rule.default && <span class="badge">default</span>}
              </td>
              <td>
                {hostOf(rule.upstream)}
                {rule.upstreamPrefix !== undefined && `/${rule.upstreamPrefix}`}
              </td>
              <td>
                {rule.source === "api" && rule.changedAt !== undefined ? (
                  <>
                    API, <Time at={rule.changedAt} now={now} />
                  </>
                ) : (
                  "configuration"
                )}
              </td>
              <td>
                <RuleState rule={rule} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function RuleState({ rule }: { rule: RuleAnswer }) {
  if (rule.problem !== undefined) return <span class="badge bad">{rule.problem}</span>;
  if (rule.offline) return <span class="badge careful">offline</span>;
  return (
    <>
      <span class="badge good">active</span>
      {rule.anonymous && <span class="badge careful">anonymous</span>}
    </>
  );
}

export function rulePath(name: string): string {
  return `/rule?name=${encodeURIComponent(name)}`;
}

async function upstreamPage({ api, query, now }: PageVisit): Promise<View> {
  const [{ upstreams }, { hours }] = await Promise.all([
    api.get<UpstreamsAnswer>("/upstreams"),
    api.get<UpstreamHoursAnswer>("/upstreams/history", { hours: 48 }),
  ]);
  const upstream = upstreams.find((one) => pathOf(one) === `/upstream?${query}`);
  if (!upstream) {
    const body = <p>No rule uses this upstream.</p>;
    return { title: "Not found", section: "/upstreams", status: 404, body };
  }
  const known = new Map(
    hours.filter((hour) => isOf(hour, upstream)).map((hour) => [hour.hour.slice(0, 13), hour]),
  );
  const all = Array.from({ length: 48 }, (_, index) => {
    const at = hourOf(now - (47 - index) * HOUR);
    return { name: `${at.slice(5, 10)} ${at.slice(11)}:00`, hour: known.get(at) };
  });
  return {
    title: hostOf(upstream.upstream),
    section: "/upstreams",
    body: (
      <div class="columns">
        <section class="card upstream">
          <UpstreamGauge upstream={upstream} now={now} />
          <p>
            Rules:{" "}
            {upstream.rules.map((name) => (
              <>
                <a href={rulePath(name)}>{name}</a>{" "}
              </>
            ))}
          </p>
        </section>
        <Card>
          <Chart
            title="Upstream requests per hour"
            kind="bars"
            series={["answered", "rate limited", "failed"]}
            points={all.map(({ name, hour }) => ({
              name,
              values: hour
                ? [hour.requests - hour.limited - hour.failures, hour.limited, hour.failures]
                : [0, 0, 0],
            }))}
            format={brief}
          />
        </Card>
        <Card>
          <Chart
            title="Time to first byte, hourly average"
            kind="lines"
            total={false}
            series={["first byte"]}
            points={all.map(({ name, hour }) => ({ name, values: [hour?.latency ?? 0] }))}
            format={duration}
          />
        </Card>
        {all.some(({ hour }) => hour?.pullsLeft !== undefined) && (
          <Card>
            <Chart
              title="Pulls left, hourly minimum"
              kind="lines"
              total={false}
              series={["left"]}
              points={all.flatMap(({ name, hour }) =>
                hour?.pullsLeft === undefined ? [] : [{ name, values: [hour.pullsLeft] }],
              )}
              format={count}
            />
          </Card>
        )}
      </div>
    ),
  };
}

function pathOf({ upstream, credentials }: UpstreamAnswer): string {
  return `/upstream?${new URLSearchParams({ at: upstream, as: credentials.join() })}`;
}
