// The API's part that explains: what would come of a pull, and why.

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
      summary: "What would come of a pull of an image, and why; nothing is asked of its registry",
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
