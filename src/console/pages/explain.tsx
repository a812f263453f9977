// What would come of a pull, and why, step by step.

import type { StoryAnswer } from "../../http/admin/explain.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { Card, Empty, imagePath, Problems } from "../parts/parts.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";

export function addExplain({ page }: Sections): void {
  page("/explain", explainPage);
}

async function explainPage({ api, query }: PageVisit): Promise<View> {
  const reference = (query.get("reference") ?? "").trim();
  const ns = (query.get("ns") ?? "").trim();
  const told =
    reference === ""
      ? undefined
      : await orRefused(api.get<StoryAnswer>("/explain", { reference, ns }));
  return {
    title: "Explain",
    section: "/explain",
    ...(told instanceof Refused && { status: 400 }),
    body: (
      <>
        <search>
          <form method="get" action="/explain" class="search">
            <label class="grow">
              Image, as a client names it
              <input
                type="search"
                name="reference"
                value={reference}
                required
                placeholder="docker.io/library/alpine:3"
                spellcheck={false}
                autocapitalize="off"
                data-search
              />
            </label>
            <label>
              Registry, as containerd's mirrors say it
              <input
                type="text"
                name="ns"
                value={ns}
                placeholder="?ns=docker.io"
                spellcheck={false}
              />
            </label>
            <button type="submit">Explain</button>
          </form>
        </search>
        {told === undefined ? (
          <Empty title="Why does this image pull, or not?">
            <p>
              Which rule a name leads to, whether it is allowed, what is here, how fresh it is, and
              how its registry stands: all that decides what the next pull is answered. Nothing is
              asked of the registry for that.
            </p>
          </Empty>
        ) : told instanceof Refused ? (
          <Problems problems={told.problems} />
        ) : (
          <Story story={told} />
        )}
      </>
    ),
  };
}

function Story({ story: { reference, status, steps } }: { story: StoryAnswer }) {
  const mark = status < 300 ? "good" : status < 500 ? "careful" : "bad";
  return (
    <Card
      title={reference}
      more={
        <span class={`badge ${mark}`}>
          the next pull is answered <b>{status}</b>
        </span>
      }
    >
      <ol class="steps">
        {steps.map(({ about, mark, text }) => (
          <li class={mark}>
            <b>{about}</b>
            <p>
              <span class="unseen">{mark}: </span>
              {text}
            </p>
          </li>
        ))}
      </ol>
      <p>
        <a href={imagePath(reference)}>What is cached of it</a>
      </p>
    </Card>
  );
}
