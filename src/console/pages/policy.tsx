// Policy editor: edits lifecycle policies beside a preview. Nothing changes until they are applied.

import type { PoliciesAnswer, PolicyAnswer, PreviewAnswer } from "../../api/lifecycle.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { Card, Problems, Tabs } from "../parts/parts.tsx";
import { applyButton, type Draft, draftIn, draftOf, policiesOf } from "../parts/policy-draft.ts";
import { PolicyForm } from "../parts/policy-form.tsx";
import { Preview } from "../parts/preview.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { plural } from "../parts/words.ts";

const PATH = "/lifecycle/policy";

export function addPolicy({ action }: Sections): void {
  action(PATH, editPolicies, submitDraft);
  // A preview changes nothing, so viewers may ask for it, too.
  action("/lifecycle/preview", editPolicies, previewDraft);
}

async function common({ api }: PageVisit): Promise<PolicyAnswer> {
  const { policies } = await api.get<PoliciesAnswer>("/lifecycle/policies");
  return policies[0] as PolicyAnswer;
}

async function editPolicies(visit: PageVisit): Promise<View> {
  const { policies, version } = await common(visit);
  const draft = draftOf(policies, visit.query.get("as") === "json", version);
  return editor(visit, draft);
}

async function previewDraft(visit: PageVisit, form: URLSearchParams): Promise<View> {
  return editor(visit, applyButton(draftIn(form), form.get("do") ?? ""));
}

async function submitDraft(visit: PageVisit, form: URLSearchParams): Promise<Done | View> {
  if (form.get("do") !== "save") return previewDraft(visit, form);
  const draft = draftIn(form);
  const policies = policiesOf(draft);
  if ("problems" in policies) return editor(visit, draft);
  const version = draft.version === undefined ? {} : { "If-Match": `"${draft.version}"` };
  const put = visit.api.send("PUT", "/lifecycle/policies", {
    body: policies.policies,
    headers: version,
  });
  const done = await orRefused(put);
  if (done instanceof Refused) return editor(visit, draft, done.problems);
  const text =
    "Policies applied. They take effect everywhere within a minute; the next sweep uses them.";
  return { to: "/lifecycle", flash: { good: true, text } };
}

async function editor(
  visit: PageVisit,
  draft: Draft,
  refused: readonly string[] = [],
): Promise<View> {
  const read = policiesOf(draft);
  const result =
    "problems" in read ? { problems: read.problems } : await preview(visit, read.policies);
  const problems = [...refused, ...("problems" in result ? result.problems : [])];
  return {
    title: "Lifecycle policies",
    section: "/lifecycle",
    ...(refused.length > 0 && { status: 400 }),
    body: (
      <>
        <Tabs
          label="Editor"
          tabs={[
            [PATH, "Form"],
            [`${PATH}?as=json`, "JSON"],
          ]}
          current={draft.json === undefined ? "Form" : "JSON"}
        />
        <div class="columns editor">
          <PolicyForm draft={draft} mayChange={visit.person.role === "admin"} />
          <div data-preview aria-live="polite">
            <Card title="Preview">
              {problems.length > 0 && <Problems problems={[...new Set(problems)]} />}
              {"problems" in result ? (
                <p class="hint">
                  Fix {plural(problems.length, "error")} to see which images would expire.
                </p>
              ) : (
                <Preview preview={result} now={visit.now} />
              )}
            </Card>
          </div>
        </div>
      </>
    ),
  };
}

/** Previews the policies as if they were in force, together with the rules' own policies. */
function preview(
  { api }: PageVisit,
  policies: readonly unknown[],
): Promise<PreviewAnswer | Refused> {
  return orRefused(
    api.send("POST", "/lifecycle/preview", { query: { as: "common" }, body: policies }),
  );
}
