// Configuration reference: generated from the schemas that parse the configuration.

import { authSchema, issuerSchema, teamSchema } from "../config/auth.ts";
import { accessKeySchema, loginSchemas } from "../config/credentials.ts";
import { policyRuleSchema, policySchema, selectionSchema } from "../config/lifecycle-schema.ts";
import { limitsSchema } from "../config/limits.ts";
import { logSchema } from "../config/log.ts";
import { prewarmEntry } from "../config/prewarm.ts";
import { ruleFields } from "../config/rule-fields.ts";
import { secretsSchema } from "../config/secrets.ts";
import { timeFields } from "../config/times.ts";
import { type Field, fieldOf, fieldsOf } from "./fields.ts";

export interface Section {
  /** Anchor, such as `rules`. */
  id: string;
  title: string;
  /** Introduction, in sentences. */
  about: string;
  fields: Field[];
}

/** A field that is parsed by hand or by a schema of its own. */
function table(path: string, type: string, description: string, required = false): Field {
  return { path, type, required, description };
}

function secret(path: string, description: string): Field {
  return table(path, "a secret", description);
}

export function reference(): Section[] {
  return [
    {
      id: "variables",
      title: "Variables and secrets",
      about:
        "Variables stand in wrangler.toml, under [vars], or [env.NAME.vars] of an environment; secrets are set by wrangler secret put, and in .dev.vars for local runs. A variable holds 5 KB.",
      fields: [
        table(
          "RULES",
          "a list: a table",
          "The rules. Every variable whose name begins with RULES_ holds more of them.",
          true,
        ),
        table(
          "AUTH",
          "a table",
          "Who may pull, and who may administer. Without it nobody pulls without a token.",
        ),
        table(
          "LIFECYCLE",
          "a table, or a list of them",
          "The lifecycle policies of what no rule's own policy speaks of. Without it, what has not been pulled for 90 days expires.",
        ),
        fieldOf(secretsSchema, "SECRETS"),
        ...Object.entries(timeFields).map(([name, schema]) => fieldOf(schema, name)),
        fieldOf(logSchema, "LOG"),
        ...fieldsOf(limitsSchema, "LIMITS."),
        { ...table("OFFLINE", "true or false", "No upstream is ever asked."), default: "false" },
        table("PRICES", "a table", "In place of Cloudflare's published prices, for the report."),
        secret(
          "ADMIN_TOKEN",
          "Opens the console and the API, for everything. Of 32 characters at least, as the next two are.",
        ),
        secret("VIEWER_TOKEN", "The same, for looking."),
        secret("METRICS_TOKEN", "Opens /metrics, and nothing else."),
      ],
    },
    {
      id: "rules",
      title: "Rules",
      about:
        "Which names lead to which registry: [[vars.RULES]]. A rule needs an upstream, and a prefix, a host, a secretHost, an ns or default = true. A rule of the API has the same fields.",
      fields: [
        ...Object.entries(ruleFields).map(([name, schema]) => fieldOf(schema, name)),
        table("lifecycle", "a table, or a list of them", "Its own lifecycle policies."),
        table("prewarm", "a list: a table", "What is fetched before anybody asks, and when."),
      ],
    },
    {
      id: "prewarm",
      title: "Prewarming by a schedule",
      about:
        "An entry of a rule's prewarm: either references, or a repository with tags and newest.",
      fields: fieldsOf(prewarmEntry),
    },
    {
      id: "lifecycle",
      title: "Lifecycle policies",
      about:
        "In the grammar of Amazon ECR, so that a policy written for that can be pasted: as a table, or as JSON. What the console or the API puts in force stands in place of LIFECYCLE.",
      fields: [
        ...fieldsOf(policySchema),
        ...fieldsOf(policyRuleSchema, "rules[]."),
        ...fieldsOf(selectionSchema, "rules[].selection."),
        ...fieldsOf(policyRuleSchema.in.shape.action, "rules[].action."),
      ],
    },
    {
      id: "auth",
      title: "Who may pull, and who may administer",
      about: "[vars.AUTH], its [[vars.AUTH.issuers]] and its [vars.AUTH.access].",
      fields: [
        ...fieldsOf(authSchema),
        ...fieldsOf(issuerSchema, "issuers[]."),
        ...fieldsOf(teamSchema, "access."),
      ],
    },
    {
      id: "credentials",
      title: "Secrets that rules name",
      about:
        "JSON, with exactly the fields of one kind. A Google service account's key file goes in as it was downloaded.",
      fields: [
        ...loginSchemas.flatMap((schema) => fieldsOf(schema)),
        ...fieldsOf(accessKeySchema),
      ].filter(({ path }, at, all) => all.findIndex((one) => one.path === path) === at),
    },
  ];
}
