// Webhooks page: receivers of events, the last delivery to each, and a test.

import type { WebhookAnswer, WebhooksAnswer, WebhookTestAnswer } from "../../api/webhooks.ts";
import { withQuery } from "../parts/api.ts";
import { EventTabs, WEBHOOKS } from "../parts/event-tabs.tsx";
import { ActionLink, Card, Confirm, Empty, Time } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { duration, plural } from "../parts/words.ts";

const SECTION = "/events";

export function addWebhooks({ page, action }: Sections): void {
  page("/webhooks", webhooksPage);
  action("/webhooks/test", testForm, sendTest);
}

async function webhooksPage({ api, now, person }: PageVisit): Promise<View> {
  const { webhooks } = await api.get<WebhooksAnswer>("/webhooks");
  const mayChange = person.role === "admin";
  return {
    title: "Webhooks",
    section: SECTION,
    body: (
      <>
        <EventTabs current={WEBHOOKS} />
        {webhooks.length === 0 ? (
          <Empty title="No webhooks">
            <p>
              A webhook sends events to a receiver of yours. Add one to <code>WEBHOOKS</code> in{" "}
              <code>wrangler.toml</code>; see the <a href="/guide/operations#webhooks">guide</a>.
            </p>
          </Empty>
        ) : (
          webhooks.map((webhook) => <Webhook webhook={webhook} now={now} mayChange={mayChange} />)
        )}
      </>
    ),
  };
}

function Webhook({
  webhook,
  now,
  mayChange,
}: {
  webhook: WebhookAnswer;
  now: number;
  mayChange: boolean;
}) {
  const { name, url, events, repositories, deadLetters } = webhook;
  return (
    <Card title={name} more={<State webhook={webhook} />}>
      <p>
        <code class="whole">{url}</code>
        <br />
        <span class="hint">
          {events.includes("*") ? "all events" : events.join(", ")}
          {repositories && ` of ${repositories.join(", ")}`}
        </span>
      </p>
      {webhook.problem !== undefined && <p>Nothing is sent: {webhook.problem}</p>}
      {webhook.goneAt !== undefined && (
        <p>
          The receiver answered 410 Gone <Time at={webhook.goneAt} now={now} />. Nothing is sent
          until the webhook's configuration changes.
        </p>
      )}
      {webhook.unread === undefined ? (
        <Sent webhook={webhook} now={now} />
      ) : (
        <p>Its state cannot be read: {webhook.unread}</p>
      )}
      <p class="buttons">
        {deadLetters > 0 && (
          <a class="button quiet" href={withQuery("/webhooks/dead", { name })}>
            {plural(deadLetters, "dead letter")}
          </a>
        )}
        <ActionLink may={mayChange} href={withQuery("/webhooks/test", { name })}>
          Send a test
        </ActionLink>
      </p>
    </Card>
  );
}

/** The last attempt, and what waits. */
function Sent({ webhook, now }: { webhook: WebhookAnswer; now: number }) {
  const { last, pending, oldestAt, delivered } = webhook;
  return (
    <p>
      {last ? (
        <>
          Last: {last.event} <code class="whole">{last.subject}</code>{" "}
          {last.error ?? `answered ${last.status}`}, <Time at={last.at} now={now} />{" "}
          <span class="hint">in {duration(last.took)}</span>
        </>
      ) : (
        "Nothing was sent yet."
      )}
      <br />
      {plural(pending, "event")} waiting
      {oldestAt !== undefined && (
        <>
          , the oldest queued <Time at={oldestAt} now={now} />
        </>
      )}
      ; {plural(delivered, "event")} delivered.
    </p>
  );
}

function State({ webhook }: { webhook: WebhookAnswer }) {
  const { problem, unread, goneAt, failures, deadLetters, delivered } = webhook;
  if (problem !== undefined) return <span class="badge bad">not usable</span>;
  if (unread !== undefined) return <span class="badge bad">unknown</span>;
  if (goneAt !== undefined) return <span class="badge bad">gone</span>;
  if (failures > 0) return <span class="badge bad">failing</span>;
  if (deadLetters > 0) return <span class="badge careful">dead letters</span>;
  return delivered > 0 ? <span class="badge good">delivering</span> : null;
}

async function testForm({ query }: PageVisit): Promise<View> {
  const name = query.get("name") ?? "";
  return {
    title: `Send a test to ${name}?`,
    section: SECTION,
    body: (
      <Confirm action="/webhooks/test" fields={{ name }} button="Send" back="/webhooks">
        <p>The receiver gets one signed event of the type dev.entrepot.test, at once.</p>
      </Confirm>
    ),
  };
}

async function sendTest({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const name = form.get("name") ?? "";
  const result = await api.send<WebhookTestAnswer>(
    "POST",
    `/webhooks/${encodeURIComponent(name)}/test`,
  );
  const good = result.error === undefined;
  const text = `The receiver of ${name} ${result.error ?? `answered ${result.status}`}.`;
  return { to: "/webhooks", flash: { good, text } };
}
