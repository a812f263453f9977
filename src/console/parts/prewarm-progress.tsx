// Prewarm progress: state and progress bar of a job.

import type { JobAnswer } from "../../api/prewarm.ts";
import { count, percent } from "./words.ts";

/** Refresh interval of a running job, in ms. */
export const REFRESH_INTERVAL = "1000";
export const MARKS: Record<string, string> = { done: "good", failed: "bad", cancelled: "careful" };

export function State({ job: { state } }: { job: JobAnswer }) {
  return <span class={`badge ${MARKS[state] ?? ""}`}>{state}</span>;
}

export function Progress({ job }: { job: JobAnswer }) {
  const { done, total } = job.bytes;
  const label =
    total > 0 ? percent(done, total) : `${count(job.counts.done)} of ${count(imagesOf(job))}`;
  return (
    <p class="progress">
      <progress
        max={Math.max(1, total)}
        value={job.state === "done" ? Math.max(1, total) : done}
        aria-label="Bytes cached"
      >
        {label}
      </progress>{" "}
      <span class="number">{label}</span>
    </p>
  );
}

export function jobPath({ id }: JobAnswer): string {
  return `/prewarm/job?id=${id}`;
}

export function imagesOf({ counts }: JobAnswer): number {
  return Object.values(counts).reduce((sum, some) => sum + some, 0);
}
