// The quarantine: digests that nobody gets.

import type { QuarantinedAnswer } from "../../http/admin/quarantine.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { Line } from "../parts/fields.tsx";
import { ActionLink, Card, Confirm, Empty, Time } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { formPage } from "./form-page.tsx";

const SECTION = "/images";

export function addQuarantine({ page, action }: Sections): void {
  page("/quarantine", quarantinePage);
  action("/quarantine/add", async ({ query }) => formView(query), added);
  action("/quarantine/release", releasing, released);
}

async function quarantinePage({ api, now, person }: PageVisit): Promise<View> {
  const { quarantine } = await api.get<{ quarantine: QuarantinedAnswer[] }>("/quarantine");
  const mayChange = person.role === "admin";
  return {
    title: "Quarantine",
    section: SECTION,
    body: (
      <>
        <p class="buttons">
          <ActionLink may={mayChange} href="/quarantine/add" kind="main">
            Put a digest into it
          </ActionLink>
        </p>
        {quarantine.length === 0 ? (
          <Empty title="Nothing is in quarantine">
            <p>
              A manifest or a blob that is put here is given to nobody, by whatever name, until it
              is taken out.
            </p>
          </Empty>
        ) : (
          <Card>
            <ul class="events">
              {quarantine.map(({ digest, reason, at, who }) => (
                <li>
                  <Time at={at} now={now} />
                  <p>
                    <code class="whole">{digest}</code>
                    <br />
                    {reason} <span class="hint">by {who}</span>{" "}
                    <ActionLink may={mayChange} href={`/quarantine/release?digest=${digest}`}>
                      Take out
                    </ActionLink>
                  </p>
                </li>
              ))}
            </ul>
          </Card>
        )}
      </>
    ),
  };
}

function formView(given: URLSearchParams, problems: readonly string[] = []): View {
  return formPage({
    title: "Put into quarantine",
    section: SECTION,
    action: "/quarantine/add",
    button: "Put it there",
    danger: true,
    back: "/quarantine",
    problems,
    children: (
      <>
        <p>Nobody gets it any more, anywhere within a minute; what leads to it stays.</p>
        <Line label="Digest" name="digest" value={given.get("digest") ?? ""} required />
        <Line
          label="Why"
          name="reason"
          value={given.get("reason") ?? ""}
          required
          hint="Whoever pulls it is told."
        />
      </>
    ),
  });
}

async function added({ api }: PageVisit, form: URLSearchParams): Promise<Done | View> {
  const body = {
    digest: (form.get("digest") ?? "").trim(),
    reason: (form.get("reason") ?? "").trim(),
  };
  const done = await orRefused(api.send("POST", "/quarantine", {}, body));
  if (done instanceof Refused) return formView(form, done.problems);
  const text = "Nobody gets it any more, anywhere within a minute.";
  return { to: "/quarantine", said: { good: true, text } };
}

async function releasing({ query }: PageVisit): Promise<View> {
  const digest = query.get("digest") ?? "";
  return {
    title: "Take it out of quarantine?",
    section: SECTION,
    body: (
      <Confirm
        action="/quarantine/release"
        fields={{ digest }}
        button="Take it out"
        back="/quarantine"
      >
        <p>
          Whoever may pull <code class="whole">{digest}</code> gets it again, everywhere within a
          minute.
        </p>
      </Confirm>
    ),
  };
}

async function released({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  await api.send("DELETE", `/quarantine/${encodeURIComponent(form.get("digest") ?? "")}`);
  return {
    to: "/quarantine",
    said: { good: true, text: "It is out of quarantine, everywhere within a minute." },
  };
}
