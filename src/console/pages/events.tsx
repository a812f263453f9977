// Events page: events of the cache and its upstreams, lifecycle events, and the audit log. Each entry has an anchor.

import type { Child } from "hono/jsx";
import type { LifecycleEventsAnswer } from "../../api/lifecycle.ts";
import type { EventsAnswer } from "../../api/statistics.ts";
import type { ActionsAnswer } from "../../api/tokens.ts";
import { withQuery } from "../parts/api.ts";
import { EventTabs, KINDS, type Kind } from "../parts/event-tabs.tsx";
import { EventList, nameOf } from "../parts/happenings.tsx";
import { Card, Digest, Time } from "../parts/parts.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";
import { bytes } from "../parts/words.ts";

const PAGE = 100;

export function addEvents({ page }: Sections): void {
  page("/events", eventsPage);
}

async function eventsPage(visit: PageVisit): Promise<View> {
  const wanted = visit.query.get("kind") ?? "happened";
  const kind: Kind = Object.hasOwn(KINDS, wanted) ? (wanted as Kind) : "happened";
  return {
    title: "Events",
    section: "/events",
    body: (
      <>
        <EventTabs current={KINDS[kind]} />
        <Card>{await LISTS[kind](visit)}</Card>
      </>
    ),
  };
}

const LISTS: Record<Kind, (visit: PageVisit) => Promise<Child>> = { happened, lifecycle, audit };

async function happened({ api, query, now }: PageVisit) {
  // The API pages forward from an ID; `latest` starts with the newest events.
  const after = query.get("after") ?? undefined;
  const which = after === undefined ? { latest: "true" } : { after };
  const { events } = await api.get<EventsAnswer>("/events", { ...which, n: PAGE });
  const first = events[0]?.id ?? 0;
  return (
    <>
      <div data-live={after === undefined ? "events" : undefined} data-every="5000">
        <EventList events={events.toReversed()} now={now} />
      </div>
      {first > 1 && (
        <p>
          <a class="button" href={withQuery("/events", { after: Math.max(0, first - 1 - PAGE) })}>
            Older events
          </a>
        </p>
      )}
    </>
  );
}

async function lifecycle({ api, query, now }: PageVisit) {
  const { events, next } = await api.get<LifecycleEventsAnswer>("/lifecycle/events", {
    n: PAGE,
    before: query.get("before") ?? undefined,
  });
  if (events.length === 0)
    return (
      <p class="hint">
        No lifecycle events yet. Images that are marked and deleted appear here with the reason.
      </p>
    );
  return (
    <>
      <ul class="events">
        {events.map(({ id, at, what, place, digest, tags = [], bytes: freed, reason, run }) => (
          <li id={`lifecycle-${id}`}>
            <Time at={at} now={now} />
            <p>
              <span
                class={`badge ${what === "expired" ? "careful" : what === "revived" ? "good" : ""}`}
              >
                {what === "expired" || what === "revived" ? what : `${what} deleted`}
              </span>{" "}
              {nameOf(place)}{" "}
              {tags.map((tag) => (
                <span class="tag">{tag}</span>
              ))}
              {digest !== undefined && <Digest digest={digest} />}{" "}
              {freed !== undefined && freed > 0 && <span class="number">{bytes(freed)}</span>}{" "}
              <span class="hint">{reason}</span>{" "}
              {run !== undefined && run > 0 && <a href={`/lifecycle#run-${run}`}>sweep {run}</a>}
            </p>
          </li>
        ))}
      </ul>
      <Earlier kind="lifecycle" more={next !== undefined} last={events.at(-1)?.id} />
    </>
  );
}

async function audit({ api, query, now }: PageVisit) {
  const { actions, next } = await api.get<ActionsAnswer>("/audit", {
    n: PAGE,
    before: query.get("before") ?? undefined,
  });
  if (actions.length === 0) return <p class="hint">No changes by administrators yet.</p>;
  return (
    <>
      <ul class="events">
        {actions.map(({ id, at, who, what }) => (
          <li id={`action-${id}`}>
            <Time at={at} now={now} />
            <p>
              <b>{who}</b> {what}
            </p>
          </li>
        ))}
      </ul>
      <Earlier kind="audit" more={next !== undefined} last={actions.at(-1)?.id} />
    </>
  );
}

function Earlier({ kind, more, last }: { kind: Kind; more: boolean; last: number | undefined }) {
  return more ? (
    <p>
      <a class="button" rel="next" href={withQuery("/events", { kind, before: last })}>
        Older events
      </a>
    </p>
  ) : null;
}
