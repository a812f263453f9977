// The form of a rule: the fields that most rules have by themselves, all others as JSON beside them.

import { Line, Lines, listOf } from "./fields.tsx";

interface Field {
  name: string;
  label: string;
  hint: string;
  example: string;
  /** Several, divided by commas: where there is one, it may stand by itself, or not. */
  list?: "loose" | "strict";
  required?: true;
}

const FIELDS: readonly Field[] = [
  {
    name: "upstream",
    label: "Upstream",
    hint: "The registry: a name such as quay.io, or a URL.",
    example: "registry.example.com",
    required: true,
  },
  {
    name: "prefix",
    label: "Prefixes",
    hint: "What names begin with that lead there; the first is the rule's name. Give it a dot or a dash.",
    example: "registry.example.com, team-images",
    list: "loose",
  },
  {
    name: "upstreamPrefix",
    label: "Upstream's prefix",
    hint: "A namespace or project there that all names are in.",
    example: "library",
  },
  {
    name: "credentials",
    label: "Credentials",
    hint: "Names of the deployment's secrets, bound to this upstream by a rule or by SECRETS in wrangler.toml; several are taken in turn.",
    example: "DOCKER_HUB",
    list: "loose",
  },
  {
    name: "allow",
    label: "Allowed",
    hint: "Globs over its repositories; empty: all of them.",
    example: "library/*, team/**",
    list: "strict",
  },
  {
    name: "tagTtl",
    label: "A tag is fresh for",
    hint: "Then the upstream is asked whether it still means the same.",
    example: "5m",
  },
];
const SWITCHES: readonly [string, string][] = [
  ["anonymous", "Everybody may pull by it"],
  ["offline", "Never ask the upstream"],
  ["dockerHub", "The upstream is a proxy of Docker Hub: alpine is library/alpine there"],
];

/** Fields, as the API takes them, of what was typed; and what cannot be read. */
export function fieldsIn(form: URLSearchParams): {
  fields: Record<string, unknown>;
  problems: string[];
} {
  const fields: Record<string, unknown> = {};
  const problems: string[] = [];
  const more = (form.get("more") ?? "").trim();
  try {
    const read: unknown = more === "" ? {} : JSON.parse(more);
    if (typeof read !== "object" || read === null || Array.isArray(read)) throw new SyntaxError();
    Object.assign(fields, read);
  } catch {
    problems.push('Other fields: must be JSON, such as { "immutableTags": ["v*"] }');
  }
  for (const { name, list } of FIELDS) {
    const text = (form.get(name) ?? "").trim();
    if (text === "") continue;
    const parts = listOf(text);
    const isList = list === "strict" || (list === "loose" && parts.length > 1);
    fields[name] = isList ? parts : text;
  }
  for (const [name] of SWITCHES) if (form.get(name) === "on") fields[name] = true;
  return { fields, problems };
}

/** @param version of the rule that is edited */
export function RuleForm({
  path,
  fields,
  version,
}: {
  path: string;
  fields: Record<string, unknown>;
  version: string | undefined;
}) {
  const own = new Set([...FIELDS.map(({ name }) => name), ...SWITCHES.map(([name]) => name)]);
  const others = Object.entries(fields).filter(([name]) => !own.has(name));
  return (
    <form method="post" action={path} class="card stack">
      {version !== undefined && <input type="hidden" name="version" value={version} />}
      {FIELDS.map(({ name, label, hint, example, required }) => (
        <Line
          label={label}
          name={name}
          value={textOf(fields[name])}
          placeholder={example}
          required={required}
          hint={hint}
        />
      ))}
      {SWITCHES.map(([name, label]) => (
        <label class="switch">
          <input type="checkbox" name={name} checked={fields[name] === true} />
          {label}
        </label>
      ))}
      <Lines
        label="Other fields, as JSON"
        name="more"
        rows={5}
        value={others.length > 0 ? JSON.stringify(Object.fromEntries(others), undefined, 2) : ""}
        hint={
          <>
            All that a rule can have: see the <a href="/docs">reference</a>.
          </>
        }
      />
      <p class="buttons">
        <button type="submit" name="do" value="save">
          Put in force
        </button>
        <button type="submit" name="do" value="validate" class="quiet">
          Validate first
        </button>
        <a class="button quiet" href="/upstreams">
          No, back
        </a>
      </p>
    </form>
  );
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : "";
}
