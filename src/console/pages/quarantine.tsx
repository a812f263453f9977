// Quarantine page: digests that are not served.

import type { QuarantineAnswer } from "../../api/quarantine.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { fieldIn, Line } from "../parts/fields.tsx";
import { ActionLink, Card, Confirm, Empty, Time } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { formPage } from "./form-page.tsx";

const SECTION = "/images";

export function addQuarantine({ page, action }: Sections): void {
  page("/quarantine", quarantinePage);
  action("/quarantine/add", async ({ query }) => formView(query), quarantineDigest);
  action("/quarantine/release", releaseForm, releaseDigest);
}

async function quarantinePage({ api, now, person }: PageVisit): Promise<View> {
  const { quarantine } = await api.get<QuarantineAnswer>("/quarantine");
  const mayChange = person.role === "admin";
  return {
    title: "Quarantine",
    section: SECTION,
    body: (
      <>
        <p class="buttons">
          <ActionLink may={mayChange} href="/quarantine/add" kind="main">
            Quarantine a digest
          </ActionLink>
        </p>
        {quarantine.length === 0 ? (
          <Empty title="No digests in quarantine">
            <p>
              A manifest or blob in quarantine is not served under any name until it is released.
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
                      Release
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
    title: "Quarantine a digest",
    section: SECTION,
    action: "/quarantine/add",
    button: "Quarantine",
    danger: true,
    back: "/quarantine",
    problems,
    children: (
      <>
        <p>
          The digest is no longer served, anywhere, within a minute. Tags and indexes that refer to
          it are kept.
        </p>
        <Line label="Digest" name="digest" value={given.get("digest") ?? ""} required />
        <Line
          label="Reason"
          name="reason"
          value={given.get("reason") ?? ""}
          required
          hint="Shown to clients that pull the digest."
        />
      </>
    ),
  });
}

async function quarantineDigest({ api }: PageVisit, form: URLSearchParams): Promise<Done | View> {
  const body = {
    digest: fieldIn(form, "digest"),
    reason: fieldIn(form, "reason"),
  };
  const done = await orRefused(api.send("POST", "/quarantine", { body }));
  if (done instanceof Refused) return formView(form, done.problems);
  const text = "The digest is quarantined, everywhere within a minute.";
  return { to: "/quarantine", flash: { good: true, text } };
}

async function releaseForm({ query }: PageVisit): Promise<View> {
  const digest = query.get("digest") ?? "";
  return {
    title: "Release from quarantine?",
    section: SECTION,
    body: (
      <Confirm action="/quarantine/release" fields={{ digest }} button="Release" back="/quarantine">
        <p>
          <code class="whole">{digest}</code> is served again, everywhere within a minute, to
          clients that may pull it.
        </p>
      </Confirm>
    ),
  };
}

async function releaseDigest({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  await api.send("DELETE", `/quarantine/${encodeURIComponent(form.get("digest") ?? "")}`);
  return {
    to: "/quarantine",
    flash: {
      good: true,
      text: "The digest is released from quarantine, everywhere within a minute.",
    },
  };
}
