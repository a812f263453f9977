// The API's part about rules: what is configured, and whether their upstreams really take it.

import { z } from "@hono/zod-openapi";
import type { Config } from "../config/read.ts";
import type { Rule } from "../config/rule.ts";
import { isDockerHub } from "../config/upstream.ts";
import { RegistryError } from "../oci/error.ts";
import { isRepositoryName } from "../oci/name.ts";
import { upstreamRepository } from "../policy/route.ts";
import { CHECKS, type Sample, validate } from "../upstream/validate.ts";
import { type Api, add, type Note } from "./api-schemas.ts";

const rule = z
  .object({
    name: z.string(),
    prefixes: z.array(z.string()),
    hosts: z.array(z.string()),
    ns: z.array(z.string()),
    default: z.boolean(),
    upstream: z.string(),
    upstreamPrefix: z.string().optional(),
    credentials: z.array(z.string()).openapi({ description: "names of secrets" }),
    anonymous: z.boolean(),
    networks: z.array(z.string()),
    offline: z.boolean(),
    problem: z.string().optional().openapi({ description: "why it cannot be used" }),
  })
  .openapi("Rule");

const validation = z
  .object({
    rule: z.string(),
    valid: z.boolean(),
    checks: z.array(z.object({ check: z.enum(CHECKS), good: z.boolean(), text: z.string() })),
  })
  .openapi("Validation");

export function addRules(
  api: Api,
  variables: Readonly<Record<string, unknown>>,
  config: () => Config,
  note: Note,
): void {
  add(
    api,
    {
      method: "get",
      path: "/rules",
      summary: "The rules, as they are configured",
      answer: z.object({ rules: z.array(rule) }),
    },
    async () => ({
      rules: config().rules.map(({ rule: own, problem }) => ({
        name: own.name,
        prefixes: own.prefixes,
        hosts: own.hosts,
        ns: own.ns,
        default: own.default,
        upstream: own.upstream.base,
        ...(own.upstreamPrefix !== undefined && { upstreamPrefix: own.upstreamPrefix }),
        credentials: own.credentials,
        anonymous: own.anonymous,
        networks: own.networks,
        offline: own.offline,
        ...(problem !== undefined && { problem }),
      })),
    }),
  );

  add(
    api,
    {
      method: "post",
      path: "/rules/validate",
      summary: "Asks a rule's upstream, with the rule's credentials, and says what fails",
      query: {
        rule: z
          .string({ error: "must be the name of a rule" })
          .max(255)
          .openapi({ description: "its name: its first prefix, or its first host" }),
        image: z.string().max(512).optional().openapi({
          description: "one that is there, as it is named behind the rule's prefix",
          example: "library/alpine:latest",
        }),
      },
      answer: validation,
      problems: [404],
    },
    async ({ rule: name, image }, { req }) => {
      const found = config().rules.find((one) => one.rule.name === name)?.rule;
      if (!found) {
        const message = `rule: there is none of the name "${name}"`;
        throw new RegistryError("NAME_UNKNOWN", message, { status: 404 });
      }
      const sample = sampleIn(image, found);
      await note(req.raw, `had the rule "${name}" validated`);
      return { rule: name, ...(await validate(found, variables, sample, Date.now())) };
    },
  );
}

/** Of Docker Hub there is an image that everybody may pull. */
function sampleIn(image: string | undefined, rule: Rule): Sample | undefined {
  if (image === undefined)
    return isDockerHub(rule.upstream) && !rule.upstreamPrefix
      ? { repository: "library/alpine", reference: "latest" }
      : undefined;
  const [, name = "", tag = "latest"] = /^(.*?)(?::([\w.-]{1,128}))?$/.exec(image) ?? [];
  const repository = upstreamRepository(rule, name);
  if (isRepositoryName(repository)) return { repository, reference: tag };
  throw new RegistryError("NAME_INVALID", "image: must be name:tag, such as library/alpine:latest");
}
