// Explanation of a pull: what its result would be, step by step.

import { z } from "@hono/zod-openapi";
import { imageReference } from "./fields.ts";

export const explainQuery = {
  reference: imageReference,
  host: z
    .string()
    .max(255)
    .optional()
    .openapi({ description: "the host that the client asks; default: this one" }),
  ns: z
    .string()
    .max(255)
    .optional()
    .openapi({ description: "the registry, as containerd sends it to a mirror" }),
};

export const story = z
  .object({
    reference: z.string(),
    status: z.int().openapi({ description: "of the next pull by an authorized client" }),
    steps: z.array(
      z.object({
        about: z.enum([
          "rule",
          "access",
          "lists",
          "tag",
          "age",
          "trust",
          "content",
          "signature",
          "vulnerabilities",
          "upstream",
          "history",
          "next",
        ]),
        // good: no obstacle. careful: works, with something to note. bad: the pull fails here.
        mark: z.enum(["good", "careful", "bad"]),
        text: z.string(),
      }),
    ),
  })
  .openapi("Story");
export type StoryAnswer = z.infer<typeof story>;
