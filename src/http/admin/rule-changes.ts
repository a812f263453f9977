// API routes for rules added at run time: create, replace and delete; changes apply everywhere within a minute.

import { z } from "@hono/zod-openapi";
import type { RuleChange } from "../../access/contract.ts";
import { deletedRule, rule, ruleFields } from "../../api/rules.ts";
import { type Config, readRule } from "../../config/read.ts";
import { problemsOf } from "../../policy/added.ts";
import { answerJson } from "../shared/answers.ts";
import { type Changing, conflict, expectVersion } from "./changing.ts";
import { invalid } from "./problem.ts";
import { type Api, add } from "./routes.ts";
import { fieldsIn, ruleNamed, without } from "./rules.ts";

/** Maximum number of rules added through the API: every isolate keeps all in memory and reads them every few seconds. */
const MAX_RULES = 200;

export function addRuleChanges(
  api: Api,
  variables: Readonly<Record<string, unknown>>,
  changed: Changing,
): void {
  add(
    api,
    {
      method: "post",
      path: "/rules",
      summary: "Adds a rule; it applies everywhere within a minute",
      body: ruleFields,
      answer: rule,
      status: 201,
      problems: [409, 413],
    },
    async (_, context) => {
      const given = await fieldsIn(context.req.raw);
      let name = "";
      const config = await changed(context, (before) => {
        const problems = problemsOf(before, given, variables);
        if (problems.length > 0) throw invalid(...problems);
        name = nameIn(given);
        if (isAside(before, name)) throw conflict(`a rule named "${name}" exists and is set aside`);
        return bounded(before, { name, fields: given });
      });
      return answerWith(config, name, 201);
    },
  );

  add(
    api,
    {
      method: "put",
      path: "/rules/{name}",
      summary: "Replaces a rule added through the API; with If-Match only if the version matches",
      params: { name: z.string() },
      body: ruleFields,
      answer: rule,
      problems: [404, 409, 412, 413],
    },
    async (_, context) => {
      const name = context.req.param("name") as string;
      const given = await fieldsIn(context.req.raw);
      const config = await changed(context, (before) => {
        changeable(before, name, context.req.header("if-match"));
        const others = without(before, name);
        const problems = problemsOf(others, given, variables);
        if (problems.length > 0) throw invalid(...problems);
        if (nameIn(given) !== name)
          throw invalid(
            `prefix: would rename the rule to "${nameIn(given)}", since its first prefix or host is its name; add a new rule instead`,
          );
        return bounded(others, { name, fields: given });
      });
      return answerWith(config, name, 200);
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/rules/{name}",
      summary: "Deletes a rule added through the API; cached content stays",
      params: { name: z.string() },
      answer: deletedRule,
      problems: [404, 409, 412],
    },
    async (_, context) => {
      const name = context.req.param("name") as string;
      await changed(context, (before) => {
        changeable(before, name, context.req.header("if-match"));
        return { name };
      });
      return { name };
    },
  );
}

function answerWith(config: Config, name: string, status: number): Response {
  const one = ruleNamed(config, name);
  return answerJson(one, { ETag: `"${one.version}"` }, status);
}

/** Throws `conflict` for a configured rule, `version-mismatch` when the rule was changed since it was read. */
function changeable(config: Config, name: string, ifMatch: string | undefined): void {
  const { readOnly, version } = ruleNamed(config, name);
  if (readOnly)
    throw conflict(`the rule "${name}" is configured: change it in wrangler.toml and deploy`);
  expectVersion(`the rule "${name}" has`, version, ifMatch);
}

function isAside({ aside }: Config, name: string): boolean {
  return aside.some((one) => one.name === name);
}

function bounded<C extends Pick<RuleChange, "fields">>(config: Config, change: C): C {
  const count = config.rules.filter(({ added }) => added).length + 1;
  if (count > MAX_RULES) throw conflict(`at most ${MAX_RULES} rules can be added through the API`);
  return change;
}

function nameIn(given: Record<string, unknown>): string {
  return readRule(given, "", false, [])?.rule.name ?? "";
}
