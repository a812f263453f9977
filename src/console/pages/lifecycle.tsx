// Lifecycle page: the policies in force, a preview of what they would expire now, and the latest sweeps.

import type {
  PoliciesAnswer,
  PolicyAnswer,
  PreviewAnswer,
  RunAnswer,
  RunsAnswer,
} from "../../api/lifecycle.ts";
import { LIFECYCLE } from "../../config/added.ts";
import { ActionLink, Card, Confirm, CopyBlock, Time } from "../parts/parts.tsx";
import { PolicyWords } from "../parts/policy-words.tsx";
import { Preview } from "../parts/preview.tsx";
import { Columns, Scroll } from "../parts/table.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { bytes, count, duration, plural } from "../parts/words.ts";
import { addPolicy } from "./policy.tsx";
import { rulePath } from "./upstreams.tsx";

const SECTION = "/lifecycle";

export function addLifecycle(sections: Sections): void {
  sections.page("/lifecycle", lifecyclePage);
  sections.action("/lifecycle/run", sweepForm, runSweep);
  sections.action("/lifecycle/take-back", revertForm, revertPolicies);
  addPolicy(sections);
}

async function lifecyclePage({ api, now, person }: PageVisit): Promise<View> {
  const [{ policies }, preview, { runs }] = await Promise.all([
    api.get<PoliciesAnswer>("/lifecycle/policies"),
    api.get<PreviewAnswer>("/lifecycle/preview"),
    api.get<RunsAnswer>("/lifecycle/runs", { n: 20 }),
  ]);
  const mayChange = person.role === "admin";
  return {
    title: "Lifecycle",
    section: SECTION,
    body: (
      <>
        <div class="columns">
          <div>
            {policies.map((policy) => (
              <PolicyCard policy={policy} mayChange={mayChange} now={now} />
            ))}
          </div>
          <Card
            title="Preview"
            more={
              <ActionLink may={mayChange} href="/lifecycle/run" kind="main">
                Sweep now
              </ActionLink>
            }
          >
            <Preview preview={preview} now={now} />
          </Card>
        </div>
        <Card title="Sweeps" more={<a href="/events?kind=lifecycle">Lifecycle events</a>}>
          <Runs runs={runs} now={now} />
        </Card>
      </>
    ),
  };
}

const SOURCES: Record<PolicyAnswer["source"], string> = {
  default: "built-in default",
  configuration: "from the deployment's configuration",
  api: "set in the console or by the API",
};

function PolicyCard({
  policy,
  mayChange,
  now,
}: {
  policy: PolicyAnswer;
  mayChange: boolean;
  now: number;
}) {
  const { owner, source, policies, problem, changedAt, changedBy } = policy;
  const isCommon = owner === LIFECYCLE;
  return (
    <Card
      title={isCommon ? "Policies for all rules" : `Policy of ${owner}`}
      more={
        isCommon ? (
          <a class="button" href="/lifecycle/policy">
            {mayChange ? "Edit" : "Try a policy"}
          </a>
        ) : (
          <a href={rulePath(owner)}>View rule</a>
        )
      }
    >
      {problem !== undefined && <p class="badge bad">{problem}</p>}
      <p class="hint">
        {SOURCES[source]}
        {changedAt !== undefined && (
          <>
            , by {changedBy}, <Time at={changedAt} now={now} />
          </>
        )}
      </p>
      <PolicyWords policies={policies} />
      <details>
        <summary>Show as JSON</summary>
        <CopyBlock label="Policy as JSON" text={JSON.stringify(policies, undefined, 2)} />
      </details>
      {isCommon && source === "api" && (
        <p class="buttons">
          <ActionLink may={mayChange} href="/lifecycle/take-back" kind="danger">
            Revert
          </ActionLink>
        </p>
      )}
    </Card>
  );
}

function Runs({ runs, now }: { runs: readonly RunAnswer[]; now: number }) {
  if (runs.length === 0)
    return <p class="hint">No sweeps yet. A sweep runs every hour, and when it is started here.</p>;
  return (
    <Scroll label="Sweeps">
      <table>
        <Columns
          names={[
            "Started",
            "Duration",
            { number: "Examined" },
            { number: "Marked" },
            { number: "Deleted" },
            { number: "Freed" },
            "Result",
          ]}
        />
        <tbody>
          {runs.map((one) => (
            <tr id={`run-${one.id}`}>
              <th scope="row">
                <Time at={one.startedAt} now={now} />
              </th>
              <td>{one.duration === undefined ? "running" : duration(one.duration)}</td>
              <td class="number">{count(one.examined)}</td>
              <td class="number">{count(markedBy(one))}</td>
              <td class="number">{count(one.deleted.images)}</td>
              <td class="number">{bytes(one.bytesFreed)}</td>
              <td>
                <RunState run={one} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function RunState({ run: { error, unfinished, endedAt } }: { run: RunAnswer }) {
  if (error !== undefined) return <span class="badge bad">{error}</span>;
  if (endedAt === undefined) return <span class="badge">running</span>;
  return unfinished ? (
    <span class="badge careful">continues in the next sweep</span>
  ) : (
    <span class="badge good">done</span>
  );
}

/** Number of images that a sweep marked. */
function markedBy({ expired }: RunAnswer): number {
  return expired.reduce((sum, { images }) => sum + images, 0);
}

async function sweepForm(): Promise<View> {
  return {
    title: "Sweep now?",
    section: SECTION,
    body: (
      <Confirm action="/lifecycle/run" fields={{}} button="Start sweep" back="/lifecycle">
        <p>
          Images that the policies expire are marked. Images that were marked longer ago than the
          grace period are deleted. A pull during the grace period unmarks an image.
        </p>
      </Confirm>
    ),
  };
}

async function runSweep({ api }: PageVisit): Promise<Done> {
  const answer = await api.send<RunAnswer>("POST", "/lifecycle/runs");
  const text =
    answer.error === undefined
      ? `Sweep done: ${plural(answer.examined, "image")} examined, ${count(markedBy(answer))} marked, ${count(answer.deleted.images)} deleted, ${bytes(answer.bytesFreed)} freed.`
      : `Sweep failed: ${answer.error}`;
  return { to: `/lifecycle#run-${answer.id}`, flash: { good: answer.error === undefined, text } };
}

async function revertForm(): Promise<View> {
  return {
    title: "Revert to the configured policies?",
    section: SECTION,
    body: (
      <Confirm action="/lifecycle/take-back" fields={{}} button="Revert" danger back="/lifecycle">
        <p>
          The policies of the deployment's configuration apply again, everywhere within a minute.
          Nothing is deleted before its grace period has passed.
        </p>
      </Confirm>
    ),
  };
}

async function revertPolicies({ api }: PageVisit): Promise<Done> {
  await api.send("DELETE", "/lifecycle/policies");
  const text = "The policies of the deployment's configuration apply again.";
  return { to: "/lifecycle", flash: { good: true, text } };
}
