// Allowances page (break-glass): digests that pass the checks of age, signature and vulnerabilities until a time.

import type { AllowanceAnswer, AllowancesAnswer } from "../../api/allowances.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { fieldIn, Line } from "../parts/fields.tsx";
import { ActionLink, Card, Confirm, Empty, Time } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { formPage } from "./form-page.tsx";

const SECTION = "/images";
const WITHIN = "everywhere within a minute";

export function addAllowances({ page, action }: Sections): void {
  page("/allowances", allowancesPage);
  action("/allowances/add", async ({ query }) => formView(query), addAllowance);
  action("/allowances/confirm", confirmForm, confirmAllowance);
  action("/allowances/remove", removeForm, removeAllowance);
}

async function allowancesPage(visit: PageVisit): Promise<View> {
  const { allowances } = await visit.api.get<AllowancesAnswer>("/allowances");
  return {
    title: "Allowances",
    section: SECTION,
    body: (
      <>
        <p class="buttons">
          <ActionLink may={visit.person.role === "admin"} href="/allowances/add" kind="main">
            Allow a digest
          </ActionLink>
        </p>
        {allowances.length === 0 ? (
          <Empty title="No allowances">
            <p>
              An allowance lets an image pass the checks of age, signature and vulnerabilities until
              a time. It does not pass quarantine or a rule's deny lists.
            </p>
          </Empty>
        ) : (
          <Card>
            <ul class="events">
              {allowances.map((one) => (
                <Row allowance={one} visit={visit} />
              ))}
            </ul>
          </Card>
        )}
      </>
    ),
  };
}

function Row({ allowance, visit }: { allowance: AllowanceAnswer; visit: PageVisit }) {
  const { digest, until, reason, at, who, confirmedBy } = allowance;
  const { now, person } = visit;
  const mayChange = person.role === "admin";
  return (
    <li>
      <Time at={at} now={now} />
      <p>
        <code class="whole">{digest}</code>
        <br />
        {reason}{" "}
        <span class="hint">
          by {who}, {confirmedBy === undefined ? "not confirmed" : `confirmed by ${confirmedBy}`},
          ends <Time at={until} now={now} />
        </span>{" "}
        {confirmedBy === undefined && (
          <ActionLink
            may={mayChange && person.who !== who}
            href={`/allowances/confirm?${new URLSearchParams({ digest, at })}`}
          >
            Confirm
          </ActionLink>
        )}{" "}
        <ActionLink may={mayChange} href={`/allowances/remove?digest=${digest}`}>
          Remove
        </ActionLink>
      </p>
    </li>
  );
}

function formView(given: URLSearchParams, problems: readonly string[] = []): View {
  return formPage({
    title: "Allow a digest",
    section: SECTION,
    action: "/allowances/add",
    button: "Allow",
    danger: true,
    back: "/allowances",
    problems,
    children: (
      <>
        <p>
          The image passes the checks of age, signature and vulnerabilities, {WITHIN}. An earlier
          allowance of the digest is replaced, with its confirmation. A rule with{" "}
          <code>allowancePeople = 2</code> waits until another person has confirmed it.
        </p>
        <Line label="Digest" name="digest" value={given.get("digest") ?? ""} required />
        <Line
          label="Until"
          name="until"
          value={given.get("until") ?? "24h"}
          required
          hint="24h, 7d or 2030-01-01T00:00:00Z; at most 30 days from now."
        />
        <Line
          label="Reason"
          name="reason"
          value={given.get("reason") ?? ""}
          required
          hint="For the audit log and events."
        />
      </>
    ),
  });
}

async function addAllowance({ api }: PageVisit, form: URLSearchParams): Promise<Done | View> {
  const body = {
    digest: fieldIn(form, "digest"),
    until: fieldIn(form, "until"),
    reason: fieldIn(form, "reason"),
  };
  const done = await orRefused(api.send("POST", "/allowances", { body }));
  if (done instanceof Refused) return formView(form, done.problems);
  return back(`The digest is allowed, ${WITHIN}.`);
}

async function confirmForm({ api, query, now }: PageVisit): Promise<View> {
  const digest = query.get("digest") ?? "";
  const at = query.get("at") ?? "";
  const { allowances } = await api.get<AllowancesAnswer>("/allowances");
  const allowance = allowances.find((one) => one.digest === digest && one.at === at);
  return {
    title: "Confirm the allowance?",
    section: SECTION,
    body: (
      <Confirm
        action="/allowances/confirm"
        fields={{ digest, at }}
        button="Confirm"
        back="/allowances"
      >
        <p>
          <code class="whole">{digest}</code> then passes the checks of rules that ask for two
          people, too, until the allowance ends.
        </p>
        {allowance && (
          <p>
            {allowance.reason}{" "}
            <span class="hint">
              by {allowance.who}, ends <Time at={allowance.until} now={now} />
            </span>
          </p>
        )}
      </Confirm>
    ),
  };
}

async function confirmAllowance({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const at = form.get("at") ?? "";
  await api.send("POST", `${pathOf(form)}/confirm`, { ...(at && { query: { at } }) });
  return back(`The allowance is confirmed, ${WITHIN}.`);
}

async function removeForm({ query }: PageVisit): Promise<View> {
  const digest = query.get("digest") ?? "";
  return {
    title: "Remove the allowance?",
    section: SECTION,
    body: (
      <Confirm action="/allowances/remove" fields={{ digest }} button="Remove" back="/allowances">
        <p>
          <code class="whole">{digest}</code> is checked again like any other image, {WITHIN}.
        </p>
      </Confirm>
    ),
  };
}

async function removeAllowance({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  await api.send("DELETE", pathOf(form));
  return back(`The allowance is removed, ${WITHIN}.`);
}

function pathOf(form: URLSearchParams): string {
  return `/allowances/${encodeURIComponent(form.get("digest") ?? "")}`;
}

function back(text: string): Done {
  return { to: "/allowances", flash: { good: true, text } };
}
