// Rule form: inputs for the common fields of a rule, and JSON for all others.

import { fieldIn, Line, Lines, listOf } from "./fields.tsx";

interface Field {
  name: string;
  label: string;
  hint: string;
  example: string;
  /** Separated by commas. `loose`: a single value is sent as a string; `strict`: always as a list. */
  list?: "loose" | "strict";
  required?: true;
}

const FIELDS: readonly Field[] = [
  {
    name: "upstream",
    label: "Upstream",
    hint: "Registry name, such as quay.io, or URL.",
    example: "registry.example.com",
    required: true,
  },
  {
    name: "prefix",
    label: "Prefixes",
    hint: "First part of the image names that this rule serves. The first prefix is the rule's name. Use a dot or a dash, so that it cannot hide a Docker Hub namespace.",
    example: "registry.example.com, team-images",
    list: "loose",
  },
  {
    name: "upstreamPrefix",
    label: "Upstream prefix",
    hint: "Namespace or project at the upstream that contains all repositories of this rule.",
    example: "library",
  },
  {
    name: "credentials",
    label: "Credentials",
    hint: "Names of Worker secrets that a rule or SECRETS in wrangler.toml binds to this upstream. Several are used in turn.",
    example: "DOCKER_HUB",
    list: "loose",
  },
  {
    name: "allow",
    label: "Allowed repositories",
    hint: "Globs over the upstream's repositories. Empty: all.",
    example: "library/*, team/**",
    list: "strict",
  },
  {
    name: "tagTtl",
    label: "Tag TTL",
    hint: "After this time, the upstream is asked whether the tag has moved.",
    example: "5m",
  },
];
const SWITCHES: readonly [string, string][] = [
  ["anonymous", "Allow anonymous pulls"],
  ["offline", "Offline: never contact the upstream"],
  ["dockerHub", "The upstream is a Docker Hub proxy: alpine means library/alpine"],
];

/** Reads the form into the fields that the API takes, and lists what cannot be parsed. */
export function fieldsIn(form: URLSearchParams): {
  fields: Record<string, unknown>;
  problems: string[];
} {
  const fields: Record<string, unknown> = {};
  const problems: string[] = [];
  const more = fieldIn(form, "more");
  try {
    const read: unknown = more === "" ? {} : JSON.parse(more);
    if (typeof read !== "object" || read === null || Array.isArray(read)) throw new SyntaxError();
    Object.assign(fields, read);
  } catch {
    problems.push('Other fields: must be a JSON object, such as { "immutableTags": ["v*"] }');
  }
  for (const { name, list } of FIELDS) {
    const text = fieldIn(form, name);
    if (text === "") continue;
    const parts = listOf(text);
    const isList = list === "strict" || (list === "loose" && parts.length > 1);
    fields[name] = isList ? parts : text;
  }
  for (const [name] of SWITCHES) if (form.get(name) === "on") fields[name] = true;
  return { fields, problems };
}

/** @param version of the edited rule */
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
        label="Other fields (JSON)"
        name="more"
        rows={5}
        value={others.length > 0 ? JSON.stringify(Object.fromEntries(others), undefined, 2) : ""}
        hint={
          <>
            All fields of a rule are in the <a href="/docs">reference</a>.
          </>
        }
      />
      <p class="buttons">
        <button type="submit" name="do" value="save">
          Save
        </button>
        <button type="submit" name="do" value="validate" class="quiet">
          Validate
        </button>
        <a class="button quiet" href="/upstreams">
          Cancel
        </a>
      </p>
    </form>
  );
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : "";
}
