// Fields of forms: a label that says what, and a hint beside it that says how.

import type { Child } from "hono/jsx";

interface Field {
  label: string;
  name: string;
  value: string;
  placeholder?: string | undefined;
  required?: boolean | undefined;
  hint?: Child;
}

/** What was typed as a list: divided by commas, blanks or lines. */
export function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "");
}

/** A line of text that a program will read, which is why nobody corrects its spelling. */
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

/** Several lines of it. */
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
