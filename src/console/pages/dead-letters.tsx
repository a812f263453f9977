// Dead letters page: what could not be delivered to a webhook, which can be sent again or deleted.

import type { ChangedLettersAnswer, DeadLettersAnswer } from "../../api/webhooks.ts";
import { withQuery } from "../parts/api.ts";
import { EventTabs, WEBHOOKS } from "../parts/event-tabs.tsx";
import { ActionLink, Card, Confirm, Empty, Time } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { plural } from "../parts/words.ts";

const SECTION = "/events";
const PAGE = 50;

export function addDeadLetters({ page, action }: Sections): void {
  page("/webhooks/dead", deadPage);
  action("/webhooks/redeliver", redeliverForm, redeliver);
  action("/webhooks/drop", dropForm, drop);
}

async function deadPage({ api, query, now, person }: PageVisit): Promise<View> {
  const name = nameIn(query);
  const before = query.get("before") ?? undefined;
  const { deadLetters, next } = await api.get<DeadLettersAnswer>(`${pathOf(name)}/dead`, {
    n: PAGE,
    before,
  });
  const mayChange = person.role === "admin";
  const change = (path: string, id: number | "all") => withQuery(path, { name, id });
  return {
    title: `Dead letters of ${name}`,
    section: SECTION,
    body: (
      <>
        <EventTabs current={WEBHOOKS} />
        {deadLetters.length === 0 ? (
          <Empty title="No dead letters">
            <p>Events that could not be delivered within a day appear here.</p>
          </Empty>
        ) : (
          <>
            <p class="buttons">
              <ActionLink may={mayChange} href={change("/webhooks/redeliver", "all")} kind="main">
                Send all again
              </ActionLink>
              <ActionLink may={mayChange} href={change("/webhooks/drop", "all")} kind="danger">
                Delete all
              </ActionLink>
            </p>
            <Card>
              <ul class="events">
                {deadLetters.map(({ id, queuedAt, event, subject, attempts, error }) => (
                  <li id={`letter-${id}`}>
                    <Time at={queuedAt} now={now} />
                    <p>
                      {event} <code class="whole">{subject}</code>
                      <br />
                      <span class="hint">
                        {plural(attempts, "attempt")}; {error}
                      </span>{" "}
                      <ActionLink may={mayChange} href={change("/webhooks/redeliver", id)}>
                        Send again
                      </ActionLink>{" "}
                      <ActionLink may={mayChange} href={change("/webhooks/drop", id)}>
                        Delete
                      </ActionLink>
                    </p>
                  </li>
                ))}
              </ul>
            </Card>
          </>
        )}
        {next !== undefined && (
          <p>
            <a
              class="button"
              rel="next"
              href={withQuery("/webhooks/dead", { name, before: deadLetters.at(-1)?.id })}
            >
              Older dead letters
            </a>
          </p>
        )}
      </>
    ),
  };
}

async function redeliverForm({ query }: PageVisit): Promise<View> {
  const name = nameIn(query);
  const id = query.get("id") ?? "all";
  return {
    title: id === "all" ? "Send all dead letters again?" : "Send this dead letter again?",
    section: SECTION,
    body: (
      <Confirm
        action="/webhooks/redeliver"
        fields={{ name, id }}
        button="Send again"
        back={withQuery("/webhooks/dead", { name })}
      >
        <p>The receiver of {name} gets the event with the same id. It is retried for a day.</p>
      </Confirm>
    ),
  };
}

async function redeliver({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const { count } = await api.send<ChangedLettersAnswer>("POST", `${letterPath(form)}/redeliver`);
  const text = `${plural(count, "dead letter")} will be sent again.`;
  return { to: "/webhooks", flash: { good: true, text } };
}

async function dropForm({ query }: PageVisit): Promise<View> {
  const name = nameIn(query);
  const id = query.get("id") ?? "all";
  return {
    title: id === "all" ? "Delete all dead letters?" : "Delete this dead letter?",
    section: SECTION,
    body: (
      <Confirm
        action="/webhooks/drop"
        fields={{ name, id }}
        button="Delete"
        danger
        back={withQuery("/webhooks/dead", { name })}
      >
        <p>The receiver of {name} never gets what is deleted.</p>
      </Confirm>
    ),
  };
}

async function drop({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const { count } = await api.send<ChangedLettersAnswer>("DELETE", letterPath(form));
  const text = `${plural(count, "dead letter")} deleted.`;
  return { to: withQuery("/webhooks/dead", { name: nameIn(form) }), flash: { good: true, text } };
}

function nameIn(given: URLSearchParams): string {
  return given.get("name") ?? "";
}

function pathOf(name: string): string {
  return `/webhooks/${encodeURIComponent(name)}`;
}

function letterPath(form: URLSearchParams): string {
  return `${pathOf(nameIn(form))}/dead/${encodeURIComponent(form.get("id") ?? "")}`;
}
