// API route that explains what the result of a pull would be, and why.

import { explainQuery, story } from "../../api/explain.ts";
import type { Config } from "../../config/read.ts";
import type { Explain } from "../../explain/open.ts";
import { type Api, add } from "./routes.ts";

export function addExplain(api: Api, explain: Explain, config: () => Config): void {
  add(
    api,
    {
      method: "get",
      path: "/explain",
      summary: "Explains what the result of a pull would be; sends nothing to the upstream",
      query: explainQuery,
      answer: story,
    },
    ({ reference, host, ns }, { req }) =>
      explain(
        config(),
        reference,
        { host: host?.toLowerCase() ?? new URL(req.url).host, ns },
        Date.now(),
      ),
  );
}
