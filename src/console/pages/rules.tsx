// Rule actions: add, edit, validate and delete rules.

import type { RuleAnswer, ValidationAnswer } from "../../api/rules.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { Confirm, Problems } from "../parts/parts.tsx";
import { fieldsIn, RuleForm } from "../parts/rule-form.tsx";
import { hostOf } from "../parts/upstream-gauges.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { findRule } from "./rule.tsx";
import { rulePath } from "./upstreams.tsx";

const SECTION = "/upstreams";

export function addRules({ action }: Sections): void {
  action("/rules/new", async () => formView("Add rule", "/rules/new", {}), createRule);
  action("/rules/edit", editForm, updateRule);
  action("/rules/delete", deleteForm, deleteRule);
  action("/rules/validate", validateForm, validateRule);
}

function formView(
  title: string,
  path: string,
  fields: Record<string, unknown>,
  more: { problems?: readonly string[]; checks?: ValidationAnswer; version?: string } = {},
): View {
  const { problems = [], checks, version } = more;
  return {
    title,
    section: SECTION,
    ...(problems.length > 0 && { status: 400 }),
    body: (
      <>
        {problems.length > 0 && <Problems problems={problems} />}
        {checks && <Checks checks={checks} />}
        <RuleForm path={path} fields={fields} version={version} />
      </>
    ),
  };
}

/** Validates or saves the form. Errors are shown on the form, with everything that was typed.
 * @param change saves the rule */
async function submitRule(
  { api }: PageVisit,
  form: URLSearchParams,
  [title, path]: [string, string],
  change: (fields: Record<string, unknown>) => Promise<RuleAnswer>,
): Promise<Done | View> {
  const read = fieldsIn(form);
  const version = form.get("version") ?? undefined;
  const kept = version === undefined ? {} : { version };
  const again = (more: object) => formView(title, path, read.fields, { ...kept, ...more });
  if (read.problems.length > 0) return again({ problems: read.problems });
  if (form.get("do") === "validate") {
    const validate = api.send<ValidationAnswer>("POST", "/rules/validate", { body: read.fields });
    const checks = await orRefused(validate);
    return again(checks instanceof Refused ? { problems: checks.problems } : { checks });
  }
  const rule = await orRefused(change(read.fields));
  if (rule instanceof Refused) return again({ problems: rule.problems });
  const text = `The rule "${rule.name}" is saved. It takes effect everywhere within a minute.`;
  return { to: rulePath(rule.name), flash: { good: true, text } };
}

function createRule(visit: PageVisit, form: URLSearchParams): Promise<Done | View> {
  return submitRule(visit, form, ["Add rule", "/rules/new"], (fields) =>
    visit.api.send("POST", "/rules", { body: fields }),
  );
}

async function editForm({ api, query }: PageVisit): Promise<View> {
  const { name, fields = {}, version } = await findRule(api, query);
  const more = version === undefined ? {} : { version: String(version) };
  return formView(`Edit ${name}`, `/rules/edit?name=${encodeURIComponent(name)}`, fields, more);
}

function updateRule(visit: PageVisit, form: URLSearchParams): Promise<Done | View> {
  const name = visit.query.get("name") ?? "";
  const path = `/rules/edit?name=${encodeURIComponent(name)}`;
  return submitRule(visit, form, [`Edit ${name}`, path], (fields) =>
    visit.api.send("PUT", `/rules/${encodeURIComponent(name)}`, {
      body: fields,
      headers: { "If-Match": `"${form.get("version") ?? ""}"` },
    }),
  );
}

async function deleteForm({ api, query }: PageVisit): Promise<View> {
  const { name } = await findRule(api, query);
  return {
    title: `Delete ${name}?`,
    section: SECTION,
    body: (
      <Confirm
        action="/rules/delete"
        fields={{ name }}
        button="Delete rule"
        danger
        back={rulePath(name)}
      >
        <p>
          Its names are no longer served, everywhere within a minute. Cached content stays until a
          lifecycle policy expires it; a new rule for the same upstream serves it again.
        </p>
      </Confirm>
    ),
  };
}

async function deleteRule({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const name = form.get("name") ?? "";
  await api.send("DELETE", `/rules/${encodeURIComponent(name)}`);
  return { to: "/upstreams", flash: { good: true, text: `The rule "${name}" is deleted.` } };
}

async function validateForm({ api, query }: PageVisit): Promise<View> {
  const rule = await findRule(api, query);
  return validateView(rule, "");
}

async function validateRule({ api }: PageVisit, form: URLSearchParams): Promise<View> {
  const image = form.get("image") ?? "";
  const rule = await findRule(api, form);
  const checks = await api.send<ValidationAnswer>("POST", "/rules/validate", {
    query: { rule: rule.name, image },
  });
  return validateView(rule, image, checks);
}

function validateView(rule: RuleAnswer, image: string, checks?: ValidationAnswer): View {
  return {
    title: `Validate ${rule.name}`,
    section: SECTION,
    body: (
      <>
        {checks && <Checks checks={checks} />}
        <form method="post" action="/rules/validate" class="card stack">
          <input type="hidden" name="name" value={rule.name} />
          <p>
            Sends requests to {hostOf(rule.upstream)} with the rule's credentials, and checks that
            it is a registry, that it accepts the credentials, how much of the rate limit is left,
            and that an image can be read.
          </p>
          <label>
            Image to read
            <input type="text" name="image" value={image} placeholder="library/alpine:latest" />
          </label>
          <p class="buttons">
            <button type="submit">Validate</button>
            <a class="button quiet" href={rulePath(rule.name)}>
              Cancel
            </a>
          </p>
        </form>
      </>
    ),
  };
}

function Checks({ checks: { valid, checks } }: { checks: ValidationAnswer }) {
  return (
    <div class={`notice ${valid ? "good" : "bad"}`} role="status">
      <p>{valid ? "Validation passed." : "Validation failed."}</p>
      <ul class="checks">
        {checks.map(({ check, good, text }) => (
          <li class={good ? "good" : "bad"}>
            <b>{check}</b> {text}
          </li>
        ))}
      </ul>
    </div>
  );
}
