// Parts of tables: a frame that scrolls, and the head.

import type { Child } from "hono/jsx";

/** Scrollable region for content wider than the page. Focusable, so that it scrolls by keyboard. */
export function Scroll({
  label,
  tall = false,
  children,
}: {
  label: string;
  tall?: boolean;
  children: Child;
}) {
  return (
    <section class={tall ? "scroll tall" : "scroll"} tabindex={0} aria-label={label}>
      {children}
    </section>
  );
}

/** The head of a table: its columns' names, of which those of numbers are aligned with them. */
export function Columns({ names }: { names: readonly (string | { number: string })[] }) {
  return (
    <thead>
      <tr>
        {names.map((name) =>
          typeof name === "string" ? (
            <th scope="col">{name}</th>
          ) : (
            <th scope="col" class="number">
              {name.number}
            </th>
          ),
        )}
      </tr>
    </thead>
  );
}
