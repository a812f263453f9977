// API routes for rules: the list, and validating a rule against its upstream.

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
import { isObject } from "../../oci/json.ts";
import { isRepositoryName } from "../../oci/name.ts";
import { problemsOf } from "../../policy/added.ts";
import { upstreamRepository } from "../../policy/route.ts";
import { type Sample, validate } from "../../upstream/client/validate.ts";
import { timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import { ApiProblem, invalid } from "./problem.ts";
import { type Api, add, type Note } from "./routes.ts";

/** Maximum size of a request body, in bytes. */
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
      summary: "Lists the rules: configured ones, and those added through the API",
      answer: rules,
    },
    async () => ({ rules: rulesIn(config()) }),
  );

  add(
    api,
    {
      method: "get",
      path: "/rules/{name}",
      summary: "Returns one rule",
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
        "Checks a rule against its upstream, with its credentials, and reports what fails; with fields as the body, a rule before it is added or changed",
      body: ruleFields.optional(),
      query: validateQuery,
      answer: validation,
      problems: [404, 413],
    },
    async ({ rule: name, image }, { req }) => {
      if (name === undefined) {
        const read = await draftIn(req.raw, config(), variables);
        await note(req.raw, `validated the upstream ${read.upstream.host} for a new rule`);
        const sample = sampleIn(image, read);
        return { rule: read.name, ...(await validate(read, variables, sample, Date.now())) };
      }
      const found = config().rules.find((one) => one.rule.name === name)?.rule;
      if (!found) throw new ApiProblem("no-such-rule", `rule: there is none named "${name}"`);
      const sample = sampleIn(image, found);
      await note(req.raw, `validated the rule "${name}"`);
      return { rule: name, ...(await validate(found, variables, sample, Date.now())) };
    },
  );
}

/** A rule that is not in force, checked beside those that are; a rule of the same name added through the API would be replaced. */
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
 * @param whenAbsent message for an absent body */
export async function fieldsIn(
  request: Request,
  whenAbsent?: string,
): Promise<Record<string, unknown>> {
  const text = await textOf(request, MAX_BODY, "a rule");
  if (whenAbsent !== undefined && text.trim() === "") throw invalid(whenAbsent);
  const given = parseJson(text);
  if ("value" in given && isObject(given.value)) return given.value;
  throw invalid("the body must be JSON, with the fields of a rule: upstream, prefix, …");
}

/** The configuration without the rule of this name, if the API added it. */
export function without(config: Config, name: string | undefined): Config {
  const rules = config.rules.filter((one) => !(one.added && one.rule.name === name));
  return { ...config, rules, aside: config.aside.filter((one) => one.name !== name) };
}

/** @returns all rules; those set aside come last */
function rulesIn(config: Config): RuleAnswer[] {
  return [...config.rules.map(ruleAnswer), ...config.aside.map(asideAnswer)];
}

/** Throws `no-such-rule` (404). */
export function ruleNamed(config: Config, name: string): RuleAnswer {
  const found = rulesIn(config).find((one) => one.name === name);
  if (found) return found;
  throw new ApiProblem("no-such-rule", `there is no rule named "${name.slice(0, 255)}"`);
}

function ruleAnswer({ rule: own, problem, added }: ConfiguredRule): RuleAnswer {
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
    ...(own.dockerHub && { dockerHub: true }),
    credentials: own.credentials,
    anonymous: own.anonymous,
    networks: own.networks,
    ...(own.quietNetworks && { quietNetworks: own.quietNetworks }),
    offline: own.offline,
    ...(problem !== undefined && { problem }),
    ...(added && addedFields(added)),
  };
}

/** A rule that was set aside; its fields may no longer be valid. */
function asideAnswer({ name, problem, ...added }: SetAside): RuleAnswer {
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
    ...addedFields(added),
  };
}

function addedFields({ fields, version, changedAt, changedBy }: Added) {
  return { fields, version, changedAt: timeOf(changedAt), changedBy };
}

/** Default: for Docker Hub, the public image `alpine`. */
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
