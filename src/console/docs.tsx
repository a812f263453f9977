// The reference of the configuration, made of the very schemas that read it, and of the API.

import type { Sections, View } from "./visit.ts";

export function addDocs({ page }: Sections): void {
  page("/docs", docsPage);
}

async function docsPage(): Promise<View> {
  return {
    title: "Reference",
    section: "/docs",
    body: (
      <p>
        The admin API is described by <a href="/api/openapi.json">its document</a> (OpenAPI 3.1).
      </p>
    ),
  };
}
