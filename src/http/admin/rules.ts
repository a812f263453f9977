// The API's part about rules: what is configured, and whether their upstreams really take it.

import { z } from "@hono/zod-openapi";
import {
  type RuleAnswer,
  rule,
  ruleFields,
  rules,
  validateQuery,
  validation,
} from "../../api/rules.ts";
import type { Added, SetAside } from "../../config/added.ts";
import { hasOfficialImages } from "../../config/docker-hub.ts";
import { parseJson } from "../../config/json.ts";
import { type Config, type ConfiguredRule, readRule } from "../../config/read.ts";
import type { Rule } from "../../config/rule.ts";
import { isRepositoryName } from "../../oci/name.ts";
import { problemsOf } from "../../policy/added.ts";
import { upstreamRepository } from "../../policy/route.ts";
import { type Sample, validate } from "../../upstream/client/validate.ts";
import { timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import { ApiProblem, invalid } from "./problem.ts";
import { type Api, add, type Note } from "./routes.ts";

/** In bytes. */
const MAX_BODY = 16 * 1024;

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
      summary: "The rules: those that are configured, and those that the API has added",
      answer: rules,
    },
    async () => ({ rules: rulesIn(config()) }),
  );

  add(
    api,
    {
      method: "get",
      path: "/rules/{name}",
      summary: "One rule",
      params: { name: z.string() },
      answer: rule,
      problems: [404],
    },
    async (_, { req }) => ruleNamed(config(), req.param("name") as string),
  );

  add(
    api,
    {
      method: "post",
      path: "/rules/validate",
      summary:
        "Asks a rule's upstream, with the rule's credentials, and says what fails; with fields as the body, of a rule that is to be added or changed",
      body: ruleFields.optional(),
      query: validateQuery,
      answer: validation,
      problems: [404, 413],
    },
    async ({ rule: name, image }, { req }) => {
      if (name === undefined) {
        const read = await draftIn(req.raw, config(), variables);
        await note(req.raw, `had the upstream ${read.upstream.host} validated for a new rule`);
        const sample = sampleIn(image, read);
        return { rule: read.name, ...(await validate(read, variables, sample, Date.now())) };
      }
      const found = config().rules.find((one) => one.rule.name === name)?.rule;
      if (!found) throw new ApiProblem("no-such-rule", `rule: there is none named "${name}"`);
      const sample = sampleIn(image, found);
      await note(req.raw, `had the rule "${name}" validated`);
      return { rule: name, ...(await validate(found, variables, sample, Date.now())) };
    },
  );
}

/** A rule that is not in force, beside those that are; one of its name that the API has added would go. */
async function draftIn(
  request: Request,
  config: Config,
  variables: Readonly<Record<string, unknown>>,
): Promise<Rule> {
  const given = await fieldsIn(
    request,
    "rule: must be the name of a rule, or the body the fields of one",
  );
  const read = readRule(given, "", config.offline, []);
  const problems = problemsOf(without(config, read?.rule.name), given, variables);
  if (problems.length > 0 || !read) throw invalid(...problems);
  return read.rule;
}

/** The fields in a body. Throws `invalid-request` (400) and SIZE_INVALID (413).
 * @param unsaid message for an absent body */
export async function fieldsIn(
  request: Request,
  unsaid?: string,
): Promise<Record<string, unknown>> {
  const text = await textOf(request, MAX_BODY, "a rule");
  if (unsaid !== undefined && text.trim() === "") throw invalid(unsaid);
  const given = parseJson(text);
  if ("value" in given && isObject(given.value)) return given.value;
  throw invalid("the body must be JSON, with the fields of a rule: upstream, prefix, …");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As if the API had not added a rule of this name. */
export function without(config: Config, name: string | undefined): Config {
  const rules = config.rules.filter((one) => !(one.added && one.rule.name === name));
  return { ...config, rules, aside: config.aside.filter((one) => one.name !== name) };
}

/** @returns as they are told; those that are set aside last */
function rulesIn(config: Config): RuleAnswer[] {
  return [...config.rules.map(ruleTold), ...config.aside.map(asideTold)];
}

/** Throws `no-such-rule` (404). */
export function ruleNamed(config: Config, name: string): RuleAnswer {
  const found = rulesIn(config).find((one) => one.name === name);
  if (found) return found;
  throw new ApiProblem("no-such-rule", `there is no rule named "${name.slice(0, 255)}"`);
}

function ruleTold({ rule: own, problem, added }: ConfiguredRule): RuleAnswer {
  return {
    name: own.name,
    source: added ? "api" : "configuration",
    readOnly: !added,
    prefixes: own.prefixes,
    hosts: own.hosts,
    ns: own.ns,
    default: own.default,
    upstream: own.upstream.base,
    ...(own.upstreamPrefix !== undefined && { upstreamPrefix: own.upstreamPrefix }),
    credentials: own.credentials,
    anonymous: own.anonymous,
    networks: own.networks,
    ...(own.quietNetworks && { quietNetworks: own.quietNetworks }),
    offline: own.offline,
    ...(problem !== undefined && { problem }),
    ...(added && addedTold(added)),
  };
}

/** Of one that may not even be understood any more. */
function asideTold({ name, problem, ...added }: SetAside): RuleAnswer {
  const { upstream } = added.fields;
  return {
    name,
    source: "api",
    readOnly: false,
    prefixes: [],
    hosts: [],
    ns: [],
    default: false,
    upstream: typeof upstream === "string" ? upstream : "",
    credentials: [],
    anonymous: false,
    networks: [],
    offline: false,
    problem,
    ...addedTold(added),
  };
}

function addedTold({ fields, version, changedAt, changedBy }: Added) {
  return { fields, version, changedAt: timeOf(changedAt), changedBy };
}

/** Of Docker Hub there is an image that everybody may pull. */
function sampleIn(image: string | undefined, rule: Rule): Sample | undefined {
  if (image === undefined)
    return hasOfficialImages(rule)
      ? { repository: upstreamRepository(rule, "alpine"), reference: "latest" }
      : undefined;
  const [, name = "", tag = "latest"] = /^(.*?)(?::([\w.-]{1,128}))?$/.exec(image) ?? [];
  const repository = upstreamRepository(rule, name);
  if (isRepositoryName(repository)) return { repository, reference: tag };
  throw invalid("image: must be name:tag, such as library/alpine:latest");
}
