// Upstream state: pauses, failures and, where an upstream reported a limit, a gauge.

import type { UpstreamAnswer, UpstreamHourAnswer } from "../../api/upstreams.ts";
import { Gauge } from "./gauge.tsx";
import { Time } from "./parts.tsx";
import { count, duration, plural } from "./words.ts";

/** @param hours recent hours of all upstreams */
export function UpstreamGauges({
  upstreams,
  hours,
  now,
}: {
  upstreams: readonly UpstreamAnswer[];
  hours: readonly UpstreamHourAnswer[];
  now: number;
}) {
  const isPlain = ({ budget, pauses, offline, spent }: UpstreamAnswer) =>
    !budget && pauses.length === 0 && !offline && spent === undefined;
  return (
    <>
      <ul class="gauges">
        {upstreams
          .filter((one) => !isPlain(one))
          .map((upstream) => (
            <li>
              <UpstreamGauge upstream={upstream} heading="h3" now={now} />
            </li>
          ))}
      </ul>
      <ul class="plainly">
        {upstreams.filter(isPlain).map((upstream) => (
          <li>
            <RecentRequests hours={hours.filter((hour) => isOf(hour, upstream))} />{" "}
            {hostOf(upstream.upstream)}
            {upstream.credentials.length > 0 && (
              <span class="hint"> with {upstream.credentials.join(", ")}</span>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

function RecentRequests({ hours }: { hours: readonly UpstreamHourAnswer[] }) {
  const requests = hours.reduce((sum, hour) => sum + hour.requests, 0);
  const bad = hours.reduce((sum, hour) => sum + hour.failures + hour.limited, 0);
  if (requests === 0) return <span class="badge">no recent requests</span>;
  if (bad === 0) return <span class="badge good">healthy</span>;
  return (
    <span class={`badge ${bad < requests ? "careful" : "bad"}`}>
      {count(bad)} of {count(requests)} failed
    </span>
  );
}

const PAUSED = { all: "all requests", pulls: "pulls", identities: "all requests" };

export function isOf(hour: UpstreamHourAnswer, upstream: UpstreamAnswer): boolean {
  return (
    hour.upstream === upstream.upstream && hour.credentials.join() === upstream.credentials.join()
  );
}

/** @param heading level that fits its place on the page */
export function UpstreamGauge({
  upstream: one,
  heading: Heading = "h2",
  now,
}: {
  upstream: UpstreamAnswer;
  heading?: "h2" | "h3";
  now: number;
}) {
  const { budget } = one;
  return (
    <>
      <Heading>{hostOf(one.upstream)}</Heading>
      {one.credentials.length > 0 && <p class="hint">with {one.credentials.join(", ")}</p>}
      {budget && (
        <>
          <Gauge left={budget.remaining} limit={budget.limit} what="pulls" />
          <p class="hint">
            per {duration(budget.window)}, reported <Time at={budget.seenAt} now={now} />
          </p>
        </>
      )}
      {one.offline && <p class="badge careful">offline: never contacted</p>}
      {one.pauses.map(({ of, repository, count: clients, until, why }) => (
        <p class="badge careful">
          {of === "repository" ? repository : PAUSED[of]} paused
          {clients !== undefined && ` for ${plural(clients, "client")}`}, resumes{" "}
          <Time at={until} now={now} />: {why}
        </p>
      ))}
      {one.spent !== undefined && (
        <p class="badge careful">
          {plural(one.spent, "client")} over the limit for uncached content
        </p>
      )}
    </>
  );
}

export function hostOf(upstream: string): string {
  return upstream.replace(/^https:\/\//, "");
}
