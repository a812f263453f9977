// Prewarm page: jobs that fetch images before they are pulled, with live progress, and the form that starts one.

import type { JobAnswer, JobsAnswer } from "../../api/prewarm.ts";
import { orRefused, Refused, withQuery } from "../parts/api.ts";
import { Line, Lines, listOf } from "../parts/fields.tsx";
import { ActionLink, Empty, Time } from "../parts/parts.tsx";
import {
  imagesOf,
  jobPath,
  Progress,
  REFRESH_INTERVAL,
  State,
} from "../parts/prewarm-progress.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { plural } from "../parts/words.ts";
import { formPage } from "./form-page.tsx";

const SECTION = "/prewarm";
const PAGE = 20;

export function addPrewarm({ page, action }: Sections): void {
  page("/prewarm", jobsPage);
  action("/prewarm/new", async ({ query }) => formView(query), startJob);
}

async function jobsPage({ api, query, now, person }: PageVisit): Promise<View> {
  const before = query.get("before") ?? undefined;
  const { jobs, next } = await api.get<JobsAnswer>("/prewarm", {
    n: PAGE,
    before,
  });
  const isRunning = jobs.some(({ state }) => state === "running");
  return {
    title: "Prewarm",
    section: SECTION,
    body: (
      <>
        <p class="buttons">
          <ActionLink may={person.role === "admin"} href="/prewarm/new" kind="main">
            Prewarm images
          </ActionLink>
        </p>
        {jobs.length === 0 ? (
          <Empty title="No prewarm jobs yet">
            <p>
              Prewarm images before a release, so that no node waits for an upstream. A rule's{" "}
              <code>prewarm</code> field does this on a schedule; see the{" "}
              <a href="/docs">reference</a>.
            </p>
          </Empty>
        ) : (
          <ul class="jobs" data-live={isRunning ? "jobs" : undefined} data-every={REFRESH_INTERVAL}>
            {jobs.map((job) => (
              <li class="card">
                <a href={jobPath(job)}>{plural(imagesOf(job), "image")}</a> <State job={job} />
                <Progress job={job} />
                <p class="hint">
                  by {job.createdBy}, <Time at={job.createdAt} now={now} />, for{" "}
                  {job.platforms.join(", ")}
                </p>
              </li>
            ))}
          </ul>
        )}
        {next !== undefined && (
          <p>
            <a class="button" rel="next" href={withQuery("/prewarm", { before: next })}>
              Older jobs
            </a>
          </p>
        )}
      </>
    ),
  };
}

function formView(given: URLSearchParams, problems: readonly string[] = []): View {
  return formPage({
    title: "Prewarm images",
    section: SECTION,
    action: "/prewarm/new",
    button: "Prewarm",
    back: "/prewarm",
    problems,
    children: (
      <>
        <Lines
          label="Images, one per line"
          name="references"
          rows={8}
          value={given.get("references") ?? ""}
          required
          placeholder={"docker.io/library/alpine:3\nghcr.io/acme/app:v1.4.2"}
        />
        <Line
          label="Platforms"
          name="platforms"
          value={given.get("platforms") ?? "linux/amd64, linux/arm64"}
          hint="Separated by commas. all: every platform of an image."
        />
        <Line
          label="Priority"
          name="priority"
          type="number"
          value={given.get("priority") ?? "0"}
          hint="From -100 to 100; the highest runs first."
        />
      </>
    ),
  });
}

async function startJob({ api }: PageVisit, form: URLSearchParams): Promise<Done | View> {
  const body = {
    references: listOf(form.get("references") ?? ""),
    platforms: listOf(form.get("platforms") ?? ""),
    priority: Number(form.get("priority") ?? 0),
  };
  const job = await orRefused(api.send<JobAnswer>("POST", "/prewarm", { body }));
  if (job instanceof Refused) return formView(form, job.problems);
  const text = `Prewarm job started for ${plural(imagesOf(job), "image")}. It continues when this page is closed.`;
  return { to: jobPath(job), flash: { good: true, text } };
}
