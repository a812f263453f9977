// Prewarm job page: live progress of one job and of each image.

import type { ItemAnswer, JobAnswer } from "../../api/prewarm.ts";
import type { Api } from "../parts/api.ts";
import { ActionLink, Bar, Confirm, Digest, imagePath, Time } from "../parts/parts.tsx";
import {
  imagesOf,
  jobPath,
  MARKS,
  Progress,
  REFRESH_INTERVAL,
  State,
} from "../parts/prewarm-progress.tsx";
import { Columns, Scroll } from "../parts/table.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { bytes, count, plural } from "../parts/words.ts";

const SECTION = "/prewarm";

type Whole = JobAnswer & { items: ItemAnswer[]; next?: number };

export function addPrewarmJob({ page, action }: Sections): void {
  page("/prewarm/job", jobPage);
  action("/prewarm/cancel", cancelForm, cancelJob);
}

async function jobPage({ api, query, now, person }: PageVisit): Promise<View> {
  const job = await findJob(api, query);
  const isRunning = job.state === "running";
  return {
    title: `Prewarm job: ${plural(imagesOf(job), "image")}`,
    section: SECTION,
    body: (
      <>
        <div data-live={isRunning ? "job" : undefined} data-every={REFRESH_INTERVAL}>
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
                {count(job.counts.done)} of {count(imagesOf(job))} cached
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
            <p class="hint">Showing the first {count(job.items.length)} images.</p>
          )}
        </div>
        {isRunning && (
          <p class="buttons">
            <ActionLink
              may={person.role === "admin"}
              href={`/prewarm/cancel?id=${job.id}`}
              kind="danger"
            >
              Cancel job
            </ActionLink>
          </p>
        )}
      </>
    ),
  };
}

function Items({ items, now }: { items: readonly ItemAnswer[]; now: number }) {
  return (
    <Scroll label="Images">
      <table>
        <Columns names={["Image", "State", { number: "Layers" }, { number: "Bytes" }]} />
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
                <Bar part={item.bytes.done} whole={item.bytes.total} track />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

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
          next attempt <Time at={nextAt} now={now} />
        </span>
      )}
    </>
  );
}

async function cancelForm({ api, query }: PageVisit): Promise<View> {
  const job = await findJob(api, query);
  return {
    title: "Cancel this prewarm job?",
    section: SECTION,
    body: (
      <Confirm
        action="/prewarm/cancel"
        fields={{ id: job.id }}
        button="Cancel job"
        dismiss="Keep it running"
        danger
        back={jobPath(job)}
      >
        <p>
          Layers that are being fetched are completed; no more are started. Cached content is kept.
        </p>
      </Confirm>
    ),
  };
}

async function cancelJob({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const job = await api.send<JobAnswer>(
    "DELETE",
    `/prewarm/${encodeURIComponent(form.get("id") ?? "")}`,
  );
  return { to: jobPath(job), flash: { good: true, text: "The prewarm job is cancelled." } };
}

function findJob(api: Api, query: URLSearchParams): Promise<Whole> {
  return api.get(`/prewarm/${encodeURIComponent(query.get("id") ?? "")}`);
}
