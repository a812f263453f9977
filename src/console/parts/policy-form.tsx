// Policy form: lifecycle policies as form fields, or as JSON.

import { Line, Lines } from "./fields.tsx";
import type { Draft, DraftPolicy, DraftRule } from "./policy-draft.ts";

const WHICH: readonly [string, string][] = [
  ["any", "any image"],
  ["untagged", "untagged"],
  ["patterns", "tags matching"],
  ["prefixes", "tags starting with"],
];
const COUNTS: readonly [string, string][] = [
  ["sinceImagePulled", "not pulled for N days"],
  ["sinceImagePushed", "cached more than N days ago"],
  ["imageCountMoreThan", "not among the latest N"],
  ["totalSizeMoreThan", "total size exceeds N GB"],
];
export function PolicyForm({ draft, mayChange }: { draft: Draft; mayChange: boolean }) {
  const { policies, json, version } = draft;
  return (
    <form
      method="post"
      action={mayChange ? "/lifecycle/policy" : "/lifecycle/preview"}
      class="card stack"
      data-tried="/lifecycle/preview"
    >
      {version !== undefined && <input type="hidden" name="version" value={version} />}
      {/* First submit button, so that Enter previews. */}
      <button type="submit" name="do" value="preview" class="unseen" tabindex={-1}>
        Preview
      </button>
      {json === undefined ? (
        <Fields policies={policies} />
      ) : (
        <Lines
          label="Policy or list of policies, in Amazon ECR syntax"
          name="json"
          rows={24}
          value={json}
        />
      )}
      <p class="buttons">
        <button type="submit" name="do" value="preview" class="quiet">
          Preview
        </button>
        {mayChange && (
          <button type="submit" name="do" value="save">
            Apply
          </button>
        )}
        <a class="button quiet" href="/lifecycle">
          Cancel
        </a>
      </p>
    </form>
  );
}

function Fields({ policies }: { policies: readonly DraftPolicy[] }) {
  return (
    <>
      {policies.map((policy, p) => (
        <fieldset>
          <legend>{policies.length > 1 ? `Policy ${p + 1}` : "Policy"}</legend>
          <Line
            label="Repositories"
            name={`p${p}.repositories`}
            value={policy.repositories}
            placeholder="all"
            hint="Globs, such as team/*. Empty: all repositories. The first policy that matches a repository applies."
          />
          <Line
            label="Never expire"
            name={`p${p}.protect`}
            value={policy.protect}
            placeholder="library/*:stable"
          />
          {policy.rules.map((rule, r) => (
            <RuleFields rule={rule} name={`p${p}.r${r}`} place={`${p} ${r}`} />
          ))}
          <p class="buttons">
            <button type="submit" name="do" value={`add ${p}`} class="quiet">
              Add rule
            </button>
            {policies.length > 1 && (
              <button type="submit" name="do" value={`remove ${p}`} class="quiet">
                Remove policy
              </button>
            )}
          </p>
        </fieldset>
      ))}
      <p>
        <button type="submit" name="do" value="add" class="quiet">
          Add policy for specific repositories
        </button>
      </p>
    </>
  );
}

function RuleFields({ rule, name, place }: { rule: DraftRule; name: string; place: string }) {
  return (
    <fieldset class="rule">
      <legend class="unseen">Rule with priority {rule.priority}</legend>
      <label class="narrow">
        Priority
        <input type="number" min="1" name={`${name}.priority`} value={rule.priority} />
      </label>
      <Choice label="Images" name={`${name}.which`} choices={WHICH} chosen={rule.which} />
      <label data-when={`${name}.which patterns prefixes`}>
        Tags
        <input
          type="text"
          name={`${name}.tags`}
          value={rule.tags}
          placeholder="v*, prod-*"
          spellcheck={false}
        />
      </label>
      <Choice label="Expire when" name={`${name}.count`} choices={COUNTS} chosen={rule.count} />
      <label class="narrow">
        {" "}
        N
        <input
          type="number"
          min="0"
          step="any"
          name={`${name}.number`}
          value={rule.number}
          aria-label="N: days, images or GB"
        />
      </label>
      <input type="hidden" name={`${name}.description`} value={rule.description} />
      <button type="submit" name="do" value={`remove ${place}`} class="quiet">
        Remove
      </button>
    </fieldset>
  );
}

function Choice({
  label,
  name,
  choices,
  chosen,
}: {
  label: string;
  name: string;
  choices: readonly [string, string][];
  chosen: string;
}) {
  return (
    <label>
      {label}
      <select name={name}>
        {choices.map(([value, words]) => (
          <option value={value} selected={value === chosen}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
