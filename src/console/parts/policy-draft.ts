// Policy draft: policies while they are edited. Reads the form, applies its buttons, and converts to and from the API.

import { UNITS } from "../../config/lifecycle-schema.ts";
import { fieldIn, listOf } from "./fields.tsx";
import type { Policy } from "./policy-words.tsx";

/** Policies being edited, as form fields or as JSON text. */
export interface Draft {
  policies: DraftPolicy[];
  json?: string;
  /** Version of the policies in force when editing began. */
  version?: string;
}

export interface DraftPolicy {
  repositories: string;
  protect: string;
  rules: DraftRule[];
}

/** Field values, as typed. */
export interface DraftRule {
  priority: string;
  which: string;
  tags: string;
  count: string;
  number: string;
  description: string;
}

/** @param policies in force */
export function draftOf(
  policies: readonly unknown[],
  asJson: boolean,
  version: number | undefined,
): Draft {
  return {
    policies: (policies as Policy[]).map(({ repositories = [], protect = [], rules }) => ({
      repositories: repositories.join(", "),
      protect: protect.join(", "),
      rules: rules.map(({ rulePriority, selection: own, description = "" }) => ({
        priority: String(rulePriority),
        which: own.tagPatternList ? "patterns" : own.tagPrefixList ? "prefixes" : own.tagStatus,
        tags: (own.tagPatternList ?? own.tagPrefixList ?? []).join(", "),
        count: own.countType,
        number: String(own.countNumber),
        description,
      })),
    })),
    ...(asJson && { json: JSON.stringify(policies, undefined, 2) }),
    ...(version !== undefined && { version: String(version) }),
  };
}

export function draftIn(form: URLSearchParams): Draft {
  const text = (name: string) => fieldIn(form, name);
  const policies: DraftPolicy[] = [];
  for (let p = 0; form.has(`p${p}.repositories`); p++) {
    const rules: DraftRule[] = [];
    for (let r = 0; form.has(`p${p}.r${r}.priority`); r++) {
      const own = (name: string) => text(`p${p}.r${r}.${name}`);
      rules.push({
        priority: own("priority"),
        which: own("which"),
        tags: own("tags"),
        count: own("count"),
        number: own("number"),
        description: own("description"),
      });
    }
    policies.push({
      repositories: text(`p${p}.repositories`),
      protect: text(`p${p}.protect`),
      rules,
    });
  }
  const json = form.get("json");
  const version = form.get("version");
  return { policies, ...(json !== null && { json }), ...(version !== null && { version }) };
}

const NEW_RULE = {
  which: "any",
  tags: "",
  count: "sinceImagePulled",
  number: "90",
  description: "",
};

/** Applies a button of the form.
 * @param button `add`: adds a policy; `add 0`: adds a rule to the first policy; `remove 0`: removes the first policy; `remove 0 1`:
 * removes the second rule of the first policy */
export function applyButton(draft: Draft, button: string): Draft {
  const [verb, p, r] = button.split(" ");
  const at = Number(p);
  const policies = draft.policies.map((policy) => ({ ...policy, rules: [...policy.rules] }));
  const rules = policies[at]?.rules;
  if (verb === "add" && p === undefined)
    policies.unshift({
      repositories: "team/*",
      protect: "",
      rules: [{ ...NEW_RULE, priority: "1" }],
    });
  else if (verb === "add" && rules) {
    const first = Math.min(...rules.map(({ priority }) => Number(priority) || 1));
    // A policy has at most one rule for any image, and it comes last.
    const hasLast = rules.some(({ which }) => which === "any");
    if (hasLast && first === 1)
      for (const rule of rules) rule.priority = String(Number(rule.priority) + 1);
    const rule = hasLast ? { ...NEW_RULE, which: "untagged", number: "7" } : NEW_RULE;
    rules.unshift({
      ...rule,
      priority: String(hasLast ? Math.max(1, first - 1) : rules.length + 1),
    });
  } else if (verb === "remove" && r !== undefined) rules?.splice(Number(r), 1);
  else if (verb === "remove" && p !== undefined) policies.splice(at, 1);
  return { ...draft, policies };
}

/** Converts the draft to ECR's syntax, which the API reads. */
export function policiesOf({
  policies,
  json,
}: Draft): { policies: unknown[] } | { problems: string[] } {
  if (json !== undefined) {
    try {
      const read: unknown = JSON.parse(json);
      return { policies: Array.isArray(read) ? read : [read] };
    } catch (error) {
      return { problems: [`Invalid JSON: ${(error as Error).message}`] };
    }
  }
  return {
    policies: policies.map(({ repositories, protect, rules }) => ({
      ...(repositories !== "" && { repositories: listOf(repositories) }),
      ...(protect !== "" && { protect: listOf(protect) }),
      rules: rules.map((rule) => ({
        rulePriority: numberOf(rule.priority),
        ...(rule.description !== "" && { description: rule.description }),
        selection: {
          ...whichOf(rule),
          countType: rule.count,
          ...(unitOf(rule.count) && { countUnit: unitOf(rule.count) }),
          countNumber: numberOf(rule.number),
        },
        action: { type: "expire" },
      })),
    })),
  };
}

function whichOf({ which, tags }: DraftRule): object {
  if (which === "patterns") return { tagStatus: "tagged", tagPatternList: listOf(tags) };
  if (which === "prefixes") return { tagStatus: "tagged", tagPrefixList: listOf(tags) };
  return { tagStatus: which };
}

/** Unit of a count type. An unknown count type has none, and the API refuses it. */
function unitOf(count: string): string | undefined {
  return Object.hasOwn(UNITS, count) ? UNITS[count as keyof typeof UNITS] : undefined;
}

/** Parses a number. Other text is passed on, and the API refuses it. */
function numberOf(text: string): number | string {
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
