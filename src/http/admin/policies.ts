// API routes for lifecycle policies: those in force, and replacing those of the variable LIFECYCLE.

import { type PolicyAnswer, policies, policy, policyFields } from "../../api/lifecycle.ts";
import { type Added, LIFECYCLE } from "../../config/added.ts";
import { DEFAULT_LIFECYCLE, parsePolicies } from "../../config/lifecycle.ts";
import type { LifecyclePolicy } from "../../config/lifecycle-policy.ts";
import { written } from "../../config/lifecycle-written.ts";
import type { Config } from "../../config/read.ts";
import type { LiveConfig } from "../live-config.ts";
import { answerJson, timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import { type Changing, expectVersion } from "./changing.ts";
import { ApiProblem, invalid } from "./problem.ts";
import { type Api, add } from "./routes.ts";

/** Maximum size of a request body, in bytes: every isolate keeps the policies in memory. */
const MAX_BODY = 48 * 1024;

export function addPolicies(api: Api, current: LiveConfig, changed: Changing): void {
  const path = "/lifecycle/policies";
  add(
    api,
    {
      method: "get",
      path,
      summary: "Lists the policies in force: first those of all names, then those of single rules",
      answer: policies,
    },
    async () => {
      const { config } = current;
      const own = config.rules.flatMap(({ rule, lifecycle, added }) =>
        lifecycle ? [policyAnswer(rule.name, lifecycle, added ? "api" : "configuration")] : [],
      );
      return { policies: [commonPolicies(config), ...own] };
    },
  );

  add(
    api,
    {
      method: "put",
      path,
      summary:
        "Replaces the policies of the variable LIFECYCLE, everywhere within a minute; with If-Match only if the version matches",
      body: policyFields,
      answer: policy,
      problems: [409, 412, 413],
    },
    async (_, context) => {
      const text = await textOf(context.req.raw, MAX_BODY, "the policies");
      const read = parsePolicies(text, "policy");
      if ("problems" in read) throw invalid(...read.problems);
      const fields = { policies: read.policies.map(written) };
      const config = await changed(context, ({ lifecycleAdded }) => {
        expectVersion(HAVE, lifecycleAdded?.version, context.req.header("if-match"));
        return { name: LIFECYCLE, fields };
      });
      const one = commonPolicies(config);
      return answerJson(one, { ETag: `"${one.version}"` });
    },
  );

  add(
    api,
    {
      method: "delete",
      path,
      summary: "Removes the policies set through the API: the configured ones apply again",
      answer: policy,
      problems: [404, 409, 412],
    },
    async (_, context) => {
      const config = await changed(context, ({ lifecycleAdded }) => {
        if (!lifecycleAdded)
          throw new ApiProblem("not-found", "no policies were set through the API");
        expectVersion(HAVE, lifecycleAdded.version, context.req.header("if-match"));
        return { name: LIFECYCLE };
      });
      return commonPolicies(config);
    },
  );
}

const HAVE = "the policies have";

function commonPolicies({ lifecycle, lifecycleAdded: added }: Config): PolicyAnswer {
  const isShipped = lifecycle.length === 1 && lifecycle[0] === DEFAULT_LIFECYCLE;
  const isAdded = added !== undefined && added.problem === undefined;
  const source = isAdded ? "api" : isShipped ? "default" : "configuration";
  return { ...policyAnswer(LIFECYCLE, lifecycle, source), ...(added && addedFields(added)) };
}

function policyAnswer(
  owner: string,
  own: readonly LifecyclePolicy[],
  source: PolicyAnswer["source"],
): PolicyAnswer {
  return { owner, source, policies: own.map(written) as PolicyAnswer["policies"] };
}

function addedFields({ version, changedAt, changedBy, problem }: Added & { problem?: string }) {
  const at = { version, changedAt: timeOf(changedAt), changedBy };
  return problem === undefined ? at : { ...at, problem };
}
