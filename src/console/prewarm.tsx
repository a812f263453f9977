// Prewarming: jobs that have images here before anybody asks, and how far they are, live.

import type { ItemAnswer, JobAnswer } from "../http/api-prewarm.ts";
import { type Api, Refused, withQuery } from "./api.ts";
import { ActionLink, Confirm, Digest, Empty, imagePath, Problems, Scroll, Time } from "./parts.tsx";
import type { Done, Sections, View, Visit } from "./visit.ts";
import { bytes, count, percent, plural } from "./words.ts";

const SECTION = "/prewarm";
const PAGE = 20;
/** How often a running job is looked at, in ms. */
const OFTEN = "1000";

type Whole = JobAnswer & { items: ItemAnswer[]; next?: number };

export function addPrewarm({ page, action }: Sections): void {
  page("/prewarm", jobsPage);
  page("/prewarm/job", jobPage);
  action("/prewarm/new", async ({ query }) => formView(query), begun);
  action("/prewarm/cancel", cancelling, cancelled);
}

async function jobsPage({ api, query, now, person }: Visit): Promise<View> {
  const before = query.get("before") ?? undefined;
  const { jobs, next } = await api.get<{ jobs: JobAnswer[]; next?: number }>("/prewarm", {
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
          <ActionLink may={person.role === "admin"} href="/prewarm/new">
            Prewarm images
          </ActionLink>
        </p>
        {jobs.length === 0 ? (
          <Empty title="Nothing was prewarmed yet">
            <p>
              Have images here before a release, so that no node waits for a registry. A rule's{" "}
              <code>prewarm</code> does it by a schedule; see the <a href="/docs">reference</a>.
            </p>
          </Empty>
        ) : (
          <ul class="jobs" data-live={isRunning ? "jobs" : undefined} data-every={OFTEN}>
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
              Earlier ones
            </a>
          </p>
        )}
      </>
    ),
  };
}

async function jobPage({ api, query, now, person }: Visit): Promise<View> {
  const job = await jobAsked(api, query);
  const isRunning = job.state === "running";
  return {
    title: `Prewarming ${plural(imagesOf(job), "image")}`,
    section: SECTION,
    body: (
      <>
        <div data-live={isRunning ? "job" : undefined} data-every={OFTEN}>
          <section class="card">
            <p>
              <State job={job} />{" "}
              <span class="hint">
                by {job.createdBy}, <Time at={job.createdAt} now={now} />, for{" "}
                {job.platforms.join(", ")}
              </span>
            </p>
            <Progress job={job} />
            <dl class="facts">
              <dt>Images</dt>
              <dd>
                {count(job.counts.done)} of {count(imagesOf(job))} here
                {job.counts.failed > 0 && `, ${count(job.counts.failed)} failed`}
              </dd>
              <dt>Layers</dt>
              <dd>
                {count(job.layers.done)} of {count(job.layers.total)}
              </dd>
              <dt>Bytes</dt>
              <dd>
                {bytes(job.bytes.done)} of {bytes(job.bytes.total)}
              </dd>
            </dl>
          </section>
          <Items items={job.items} now={now} />
          {job.next !== undefined && (
            <p class="hint">The first {count(job.items.length)} are shown.</p>
          )}
        </div>
        {isRunning && (
          <p class="buttons">
            <ActionLink may={person.role === "admin"} href={`/prewarm/cancel?id=${job.id}`} danger>
              Cancel
            </ActionLink>
          </p>
        )}
      </>
    ),
  };
}

function Items({ items, now }: { items: readonly ItemAnswer[]; now: number }) {
  return (
    <Scroll label="Its images">
      <table>
        <thead>
          <tr>
            <th scope="col">Image</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Layers
            </th>
            <th scope="col" class="number">
              Bytes
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr>
              <th scope="row">
                <a href={imagePath(item.reference)}>{item.reference}</a>
                {item.digest !== undefined && (
                  <>
                    <br />
                    <Digest digest={item.digest} />
                  </>
                )}
              </th>
              <td>
                <ItemState item={item} now={now} />
              </td>
              <td class="number">
                {count(item.layers.done)} / {count(item.layers.total)}
              </td>
              <td class="number sized">
                {bytes(item.bytes.done)}
                <Bar done={item.bytes.done} total={item.bytes.total} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const MARKS: Record<string, string> = { done: "good", failed: "bad", cancelled: "careful" };

function ItemState({
  item: { state, note, error, nextAt },
  now,
}: {
  item: ItemAnswer;
  now: number;
}) {
  return (
    <>
      <span class={`badge ${MARKS[state] ?? ""}`}>{state}</span>{" "}
      <span class="hint">{error ?? note}</span>
      {nextAt !== undefined && (
        <span class="hint">
          {" "}
          tried again <Time at={nextAt} now={now} />
        </span>
      )}
    </>
  );
}

function State({ job: { state } }: { job: JobAnswer }) {
  return <span class={`badge ${MARKS[state] ?? ""}`}>{state}</span>;
}

function Progress({ job }: { job: JobAnswer }) {
  const { done, total } = job.bytes;
  const said =
    total > 0 ? percent(done, total) : `${count(job.counts.done)} of ${count(imagesOf(job))}`;
  return (
    <p class="progress">
      <progress
        max={Math.max(1, total)}
        value={job.state === "done" ? Math.max(1, total) : done}
        aria-label="Bytes that are here"
      >
        {said}
      </progress>{" "}
      <span class="number">{said}</span>
    </p>
  );
}

function Bar({ done, total }: { done: number; total: number }) {
  return (
    <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect class="fill stays" width="100" height="4" />
      <rect class="fill series-0" width={total > 0 ? (100 * done) / total : 0} height="4" />
    </svg>
  );
}

function formView(given: URLSearchParams, problems: readonly string[] = []): View {
  return {
    title: "Prewarm images",
    section: SECTION,
    ...(problems.length > 0 && { status: 400 }),
    body: (
      <>
        {problems.length > 0 && <Problems problems={problems} />}
        <form method="post" action="/prewarm/new" class="card stack">
          <label>
            Images, one a line
            <textarea
              name="references"
              rows={8}
              required
              spellcheck={false}
              placeholder={"docker.io/library/alpine:3\nghcr.io/acme/app:v1.4.2"}
            >
              {given.get("references") ?? ""}
            </textarea>
          </label>
          <label>
            Platforms
            <input
              type="text"
              name="platforms"
              value={given.get("platforms") ?? "linux/amd64, linux/arm64"}
              spellcheck={false}
            />
            <span class="hint">Divided by commas; all: every platform that an image has.</span>
          </label>
          <label>
            Priority
            <input
              type="number"
              name="priority"
              min="-100"
              max="100"
              value={given.get("priority") ?? "0"}
            />
            <span class="hint">The highest goes first.</span>
          </label>
          <p class="buttons">
            <button type="submit">Prewarm</button>
            <a class="button quiet" href="/prewarm">
              No, back
            </a>
          </p>
        </form>
      </>
    ),
  };
}

async function begun({ api }: Visit, form: URLSearchParams): Promise<Done | View> {
  const listOf = (name: string) =>
    (form.get(name) ?? "").split(/[\s,]+/).filter((part) => part !== "");
  const body = {
    references: listOf("references"),
    platforms: listOf("platforms"),
    priority: Number(form.get("priority") ?? 0),
  };
  try {
    const job = await api.send<JobAnswer>("POST", "/prewarm", {}, body);
    const text = `${plural(imagesOf(job), "image")} will be here. The job goes on without this page.`;
    return { to: jobPath(job), said: { good: true, text } };
  } catch (error) {
    if (error instanceof Refused) return formView(form, error.problems);
    throw error;
  }
}

async function cancelling({ api, query }: Visit): Promise<View> {
  const job = await jobAsked(api, query);
  return {
    title: "Cancel the prewarming?",
    section: SECTION,
    body: (
      <Confirm
        action="/prewarm/cancel"
        fields={{ id: job.id }}
        button="Cancel it"
        danger
        back={jobPath(job)}
      >
        <p>
          What is being fetched is fetched to its end; nothing more is begun. What is here stays.
        </p>
      </Confirm>
    ),
  };
}

async function cancelled({ api }: Visit, form: URLSearchParams): Promise<Done> {
  const job = await api.send<JobAnswer>(
    "DELETE",
    `/prewarm/${encodeURIComponent(form.get("id") ?? "")}`,
  );
  return { to: jobPath(job), said: { good: true, text: "The prewarming is cancelled." } };
}

function jobAsked(api: Api, query: URLSearchParams): Promise<Whole> {
  return api.get(`/prewarm/${encodeURIComponent(query.get("id") ?? "")}`);
}

function jobPath({ id }: JobAnswer): string {
  return `/prewarm/job?id=${id}`;
}

function imagesOf({ counts }: JobAnswer): number {
  return Object.values(counts).reduce((sum, some) => sum + some, 0);
}
