// Form page: a form, with its validation errors above it.

import { type Form, FormCard, Problems } from "../parts/parts.tsx";
import type { View } from "../parts/visit.ts";

export function formPage({
  title,
  section,
  problems,
  ...form
}: Form & { title: string; section: string; problems: readonly string[] }): View {
  return {
    title,
    section,
    ...(problems.length > 0 && { status: 400 }),
    body: (
      <>
        {problems.length > 0 && <Problems problems={problems} />}
        <FormCard {...form} />
      </>
    ),
  };
}
