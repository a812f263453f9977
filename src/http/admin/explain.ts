// The API's part that explains: what would come of a pull, and why.

import { z } from "@hono/zod-openapi";
import type { Config } from "../../config/read.ts";
import type { Explain } from "../../explain/open.ts";
import { ABOUT } from "../../explain/steps.ts";
import { type Api, add } from "./schemas.ts";

const story = z
  .object({
    reference: z.string(),
    status: z.int().openapi({ description: "of the next pull of somebody who may" }),
    steps: z.array(
      z.object({
        about: z.enum(ABOUT),
        mark: z.enum(["good", "careful", "bad"]),
        text: z.string(),
      }),
    ),
  })
  .openapi("Story");
export type StoryAnswer = z.infer<typeof story>;

export function addExplain(api: Api, explain: Explain, config: () => Config): void {
  add(
    api,
    {
      method: "get",
      path: "/explain",
      summary: "What would come of a pull of an image, and why; nothing is asked of its registry",
      query: {
        reference: z
          .string({ error: "must be an image, such as docker.io/library/alpine:3" })
          .max(1000)
          .openapi({ example: "docker.io/library/alpine:3" }),
        host: z
          .string()
          .max(255)
          .optional()
          .openapi({ description: "that the client asks; without, this one" }),
        ns: z
          .string()
          .max(255)
          .optional()
          .openapi({ description: "as containerd's mirrors say it" }),
      },
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
