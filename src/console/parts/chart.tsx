// Charts over time: SVG rendered on the server, without a script, in the page's colours, with the values as a table.

import { scaleBand, scaleLinear } from "d3-scale";
import { area, curveMonotoneX, line, stack } from "d3-shape";
import { Scroll } from "./table.tsx";

export interface Point {
  /** Label of its hour or day. */
  name: string;
  values: number[];
}

interface Plot {
  title: string;
  /** Names of the series, in the order of each point's values and of the colours. */
  series: string[];
  points: Point[];
  format(value: number): string;
  /** Stacked bars, or lines. */
  kind: "bars" | "lines";
  /** Whether the sum of the points is shown. Default: true. */
  total?: boolean;
}

/** Size of the view box. The SVG is stretched to its place, so labels are HTML beside it. */
const [WIDTH, HEIGHT] = [600, 160];
const X_LABELS = 5;

export function Chart(plot: Plot) {
  const { title, series, points, format, kind, total = true } = plot;
  const tops = points.map(({ values }) =>
    kind === "bars" ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values),
  );
  const y = scaleLinear([0, Math.max(1, ...tops)], [HEIGHT, 0]).nice(4);
  const top = y.domain()[1] as number;
  const totals = series.map((_, at) =>
    points.reduce((sum, { values }) => sum + (values[at] ?? 0), 0),
  );
  const amounts = totals.map((amount) => (total ? format(amount) : ""));
  const summary = series.map((name, at) => `${name} ${amounts[at]}`.trim()).join(", ");
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <ul class="legend">
          {series.map((name, at) => (
            <li class={`series-${at}`}>
              {name} <b>{amounts[at]}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="plot">
        <div class="scale" aria-hidden="true">
          <span>{format(top)}</span>
          <span>{format(top / 2)}</span>
          <span>0</span>
        </div>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}: ${summary}`}
        >
          {[0, HEIGHT / 2, HEIGHT].map((at) => (
            <line class="grid-line" x1="0" x2={WIDTH} y1={at} y2={at} />
          ))}
          {kind === "bars" ? <Bars plot={plot} y={y} /> : <Lines plot={plot} y={y} />}
        </svg>
        <div class="times" aria-hidden="true">
          {labelsOf(points).map((name) => (
            <span>{name}</span>
          ))}
        </div>
      </div>
      <details>
        <summary>Show as table</summary>
        <Scroll label={`${title}, table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time (UTC)</th>
                {series.map((name) => (
                  <th scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.toReversed().map(({ name, values }) => (
                <tr>
                  <th scope="row">{name}</th>
                  {values.map((value) => (
                    <td class="number">{format(value)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </details>
    </figure>
  );
}

type Scale = (value: number) => number;
const rounded = (value: number) => Math.round(value * 10) / 10;

function Bars({ plot: { series, points, format }, y }: { plot: Plot; y: Scale }) {
  const x = scaleBand(
    points.map((_, at) => at),
    [0, WIDTH],
  )
    .paddingInner(0.25)
    .paddingOuter(0.1);
  const stacked = stack<Point, number>()
    .keys(series.keys())
    .value(({ values }, at) => values[at] ?? 0)(points);
  return (
    <>
      {points.map(({ name, values }, at) => (
        <g class="slot">
          <title>{`${name}: ${series.map((one, of) => `${format(values[of] ?? 0)} ${one}`).join(", ")}`}</title>
          <rect
            class="reach"
            x={rounded((x(at) ?? 0) - x.step() / 8)}
            y="0"
            width={rounded(x.step())}
            height={HEIGHT}
          />
          {stacked.map((layer, of) => {
            const [from, to] = layer[at] as [number, number];
            if (to === from) return null;
            return (
              <rect
                class={`fill series-${of}`}
                x={rounded(x(at) ?? 0)}
                y={rounded(y(to))}
                width={rounded(x.bandwidth())}
                height={rounded(y(from) - y(to))}
              />
            );
          })}
        </g>
      ))}
    </>
  );
}

function Lines({ plot: { series, points, format }, y }: { plot: Plot; y: Scale }) {
  const x = scaleLinear([0, Math.max(1, points.length - 1)], [0, WIDTH]);
  const place = (at: number) => rounded(x(at));
  const height = ({ values }: Point, of: number) => rounded(y(values[of] ?? 0));
  return (
    <>
      {series.map((_, of) => (
        <>
          <path
            class={`area series-${of}`}
            d={
              area<Point>(
                (_, at) => place(at),
                HEIGHT,
                (one) => height(one, of),
              ).curve(curveMonotoneX)(points) ?? ""
            }
          />
          <path
            class={`line series-${of}`}
            d={
              line<Point>(
                (_, at) => place(at),
                (one) => height(one, of),
              ).curve(curveMonotoneX)(points) ?? ""
            }
          />
        </>
      ))}
      {points.map(({ name, values }, at) => (
        <rect class="reach" x={place(at - 0.5)} y="0" width={place(1)} height={HEIGHT}>
          <title>{`${name}: ${series.map((one, of) => `${format(values[of] ?? 0)} ${one}`).join(", ")}`}</title>
        </rect>
      ))}
    </>
  );
}

/** Picks labels evenly, from the first to the last. */
function labelsOf(points: readonly Point[]): string[] {
  const step = (points.length - 1) / (X_LABELS - 1);
  if (points.length <= X_LABELS) return points.map(({ name }) => name);
  return Array.from({ length: X_LABELS }, (_, at) => points[Math.round(at * step)]?.name ?? "");
}
