// Form fields: a label, an input and a hint.

import type { Child } from "hono/jsx";

interface Field {
  label: string;
  name: string;
  value: string;
  placeholder?: string | undefined;
  required?: boolean | undefined;
  hint?: Child;
}

/** The value of a form's field, without surrounding space; "" where there is none. */
export function fieldIn(form: URLSearchParams, name: string): string {
  return (form.get(name) ?? "").trim();
}

/** Splits a list at commas, blanks and line breaks. */
export function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "");
}

/** Single-line input. The text is machine-readable, so spelling correction is off. */
export function Line({
  label,
  hint,
  type = "text",
  ...input
}: Field & { type?: "text" | "number" }) {
  const id = `field-${input.name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...input}
        type={type}
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        spellcheck={false}
        autocapitalize="off"
      />
      <Hint id={id} hint={hint} />
    </div>
  );
}

/** Multi-line input. */
export function Lines({ label, hint, value, rows, ...area }: Field & { rows: number }) {
  const id = `field-${area.name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        {...area}
        rows={rows}
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        spellcheck={false}
      >
        {value}
      </textarea>
      <Hint id={id} hint={hint} />
    </div>
  );
}

function Hint({ id, hint }: { id: string; hint: Child }) {
  return hint === undefined ? null : (
    <p class="hint" id={`${id}-hint`}>
      {hint}
    </p>
  );
}
