// Markdown of the configuration reference, for the guide.

import type { Section } from "./reference.ts";

/** Markers in the guide page; `npm run reference` writes the lines between them. */
export const MARKS = ["<!-- reference -->", "<!-- /reference -->"] as const;

export function markdownOf(sections: readonly Section[]): string {
  return sections.map(sectionOf).join("\n\n");
}

function sectionOf({ title, about, fields }: Section): string {
  const rows = fields.map(({ path, type, required, default: usual, description }) => {
    const otherwise = required ? "required" : usual === undefined ? "" : `\`${usual}\``;
    return `| \`${path}\` | ${cell(type)} | ${otherwise} | ${cell(description)} |`;
  });
  const head = "| field | is | default | what it does |\n| --- | --- | --- | --- |";
  return `## ${title}\n\n${about}\n\n${head}\n${rows.join("\n")}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("*", "\\*");
}
