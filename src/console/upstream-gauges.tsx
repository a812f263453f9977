// How upstreams stand, each with its gauge where it has told of a limit.

import type { UpstreamAnswer } from "../http/api-upstreams.ts";
import { Gauge } from "./gauge.tsx";
import { Time } from "./parts.tsx";
import { duration } from "./words.ts";

export function UpstreamGauges({
  upstreams,
  now,
}: {
  upstreams: readonly UpstreamAnswer[];
  now: number;
}) {
  const isPlain = ({ budget, pauses, offline }: UpstreamAnswer) =>
    !budget && pauses.length === 0 && !offline;
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
        {upstreams.filter(isPlain).map(({ upstream, credentials }) => (
          <li>
            <span class="badge good">fine</span> {hostOf(upstream)}{" "}
            <span class="hint">
              {credentials.length > 0 && `as ${credentials.join(", ")}, `}has told of no limit
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** @param heading by where it stands on the page */
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
      {one.credentials.length > 0 && <p class="hint">as {one.credentials.join(", ")}</p>}
      {budget && (
        <>
          <Gauge left={budget.remaining} limit={budget.limit} what="pulls" />
          <p class="hint">
            a window of {duration(budget.window)}, told <Time at={budget.seenAt} now={now} />
          </p>
        </>
      )}
      {one.offline && <p class="badge careful">offline: never asked</p>}
      {one.pauses.map(({ of, repository, until, why }) => (
        <p class="badge careful">
          {of === "repository" ? repository : of === "pulls" ? "pulls" : "all of it"} left alone, on
          until <Time at={until} now={now} />: {why}
        </p>
      ))}
    </>
  );
}

export function hostOf(upstream: string): string {
  return upstream.replace(/^https:\/\//, "");
}
