// Explain page: how the next pull of an image would be answered, step by step.

import type { StoryAnswer } from "../../api/explain.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { Card, Empty, imagePath, Problems } from "../parts/parts.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";

export function addExplain({ page }: Sections): void {
  page("/explain", explainPage);
}

async function explainPage({ api, query }: PageVisit): Promise<View> {
  const reference = (query.get("reference") ?? "").trim();
  const ns = (query.get("ns") ?? "").trim();
  const answer =
    reference === ""
      ? undefined
      : await orRefused(api.get<StoryAnswer>("/explain", { reference, ns }));
  return {
    title: "Explain",
    section: "/explain",
    ...(answer instanceof Refused && { status: 400 }),
    body: (
      <>
        <search>
          <form method="get" action="/explain" class="search">
            <label class="grow">
              Image reference
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
              Registry namespace (containerd <code>ns</code>)
              <input type="text" name="ns" value={ns} placeholder="docker.io" spellcheck={false} />
            </label>
            <button type="submit">Explain</button>
          </form>
        </search>
        {answer === undefined ? (
          <Empty title="Explain a pull">
            <p>
              Shows how the next pull of an image would be answered, and why: the rule that matches,
              whether the pull is allowed, what is cached and how fresh it is, and the state of the
              upstream. The upstream is not contacted.
            </p>
          </Empty>
        ) : answer instanceof Refused ? (
          <Problems problems={answer.problems} />
        ) : (
          <Story story={answer} />
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
          next pull: <b>{status}</b>
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
        <a href={imagePath(reference)}>View the cached image</a>
      </p>
    </Card>
  );
}
