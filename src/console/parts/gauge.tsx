// Gauge: how much of a limit is left.

import { arc } from "d3-shape";
import { count } from "./words.ts";

const RADIUS = 46;
const drawn = arc<number>()
  .innerRadius(RADIUS - 10)
  .outerRadius(RADIUS)
  .startAngle(-Math.PI / 2)
  .endAngle((part) => Math.PI * (part - 0.5))
  .cornerRadius(3);
/** Part of the limit at and below which the gauge is highlighted. */
const LOW = 0.2;

export function Gauge({ left, limit, what }: { left: number; limit: number; what: string }) {
  const part = limit > 0 ? Math.min(1, Math.max(0, left / limit)) : 0;
  return (
    <div class={part <= LOW ? "gauge little" : "gauge"}>
      <svg
        viewBox="-50 -50 100 54"
        role="img"
        aria-label={`${count(left)} of ${count(limit)} ${what} left`}
      >
        <path class="groove" d={drawn(1) ?? ""} />
        <path class="needle" d={drawn(part) ?? ""} />
        <text y="-6">{count(left)}</text>
      </svg>
      <p aria-hidden="true">
        of {count(limit)} {what} left
      </p>
    </div>
  );
}
