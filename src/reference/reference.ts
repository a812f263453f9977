// Configuration reference: generated from the schemas that parse the configuration.

import { auditSchema } from "../config/audit.ts";
import { authSchema, issuerSchema, teamSchema } from "../config/auth.ts";
import { accessKeySchema, loginSchemas } from "../config/credentials.ts";
import { policyRuleSchema, policySchema, selectionSchema } from "../config/lifecycle-schema.ts";
import { limitsSchema } from "../config/limits.ts";
import { logSchema } from "../config/log.ts";
import { prewarmEntry } from "../config/prewarm.ts";
import { ruleFields } from "../config/rule-fields.ts";
import { scannerSchema } from "../config/scanners.ts";
import { secretsSchema } from "../config/secrets.ts";
import { timeFields } from "../config/times.ts";
import { verifyEntrySchema } from "../config/verify.ts";
import { vulnerabilitySchema } from "../config/vulnerability-fields.ts";
import { webhookSchema } from "../config/webhooks.ts";
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
        "Variables are set in wrangler.toml, under [vars] or an environment's [env.NAME.vars]; secrets are set with wrangler secret put, or in .dev.vars for local runs. A variable holds at most 5 KB.",
      fields: [
        table(
          "RULES",
          "a list: a table",
          "The rules. Variables whose names begin with RULES_ hold more of them.",
          true,
        ),
        table(
          "AUTH",
          "a table",
          "Who may pull and who may administer. Without it, every pull needs a token.",
        ),
        table(
          "LIFECYCLE",
          "a table, or a list of them",
          "Lifecycle policies for repositories without a policy of their rule. Without it, images not pulled for 90 days expire.",
        ),
        fieldOf(secretsSchema, "SECRETS"),
        table("WEBHOOKS", "a list: a table", "Receivers of events, at most 20."),
        table(
          "SCANNERS",
          "a list: a table",
          "Scanners of vulnerabilities that report with a token of their own.",
        ),
        ...Object.entries(timeFields).map(([name, schema]) => fieldOf(schema, name)),
        fieldOf(logSchema, "LOG"),
        table("AUDIT", "a table", "Audit of pulls. Without it, none is kept."),
        ...fieldsOf(auditSchema, "AUDIT."),
        ...fieldsOf(limitsSchema, "LIMITS."),
        {
          ...table("OFFLINE", "true or false", "Whether to contact no upstream at all."),
          default: "false",
        },
        table(
          "TRUSTED_ROOT",
          "a table, or its JSON text",
          "Trusted root of keyless signatures, in sigstore's format, for an own Fulcio and Rekor. Default: the one of sigstore's public instance that comes with the release.",
        ),
        table(
          "PRICES",
          "a table",
          "Prices for the report, in place of Cloudflare's published ones.",
        ),
        secret(
          "ADMIN_TOKEN",
          "Full access to the console and the API. At least 32 characters, as for the next two.",
        ),
        secret("VIEWER_TOKEN", "Read-only access to the console and the API."),
        secret("METRICS_TOKEN", "Access to /metrics only."),
        secret(
          "SCANNER_TOKEN",
          "Access to PUT /api/verdicts/DIGEST only, for images of all repositories. At least 32 characters.",
        ),
      ],
    },
    {
      id: "rules",
      title: "Rules",
      about:
        "Rules map names to registries: [[vars.RULES]]. A rule needs an upstream, and a prefix, a host, a secretHost, an ns or default = true. Rules added through the API have the same fields.",
      fields: [
        ...Object.entries(ruleFields).map(([name, schema]) => fieldOf(schema, name)),
        table("lifecycle", "a table, or a list of them", "The rule's own lifecycle policies."),
        table("prewarm", "a list: a table", "Images to fetch ahead of demand, and when."),
      ],
    },
    {
      id: "verify",
      title: "Signers of images",
      about:
        "An entry of a rule's verify: the images, and one signer, or several in all and any. The PEMs are read from the variables and secrets that key and certificate name.",
      fields: fieldsOf(verifyEntrySchema),
    },
    {
      id: "vulnerabilities",
      title: "Refusal of vulnerable images",
      about: "The table vulnerabilities of a rule; each entry of ignore is a table.",
      fields: fieldsOf(vulnerabilitySchema),
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
        "Lifecycle policies use the grammar of Amazon ECR, so that an ECR policy can be pasted, as a table or as JSON. A policy set in the console or through the API replaces LIFECYCLE.",
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
      id: "webhooks",
      title: "Webhooks",
      about: "Receivers of events: [[vars.WEBHOOKS]]. A list takes at most 100 entries.",
      fields: fieldsOf(webhookSchema),
    },
    {
      id: "scanners",
      title: "Scanners",
      about: "Scanners of vulnerabilities: [[vars.SCANNERS]].",
      fields: fieldsOf(scannerSchema),
    },
    {
      id: "credentials",
      title: "Secrets that rules name",
      about:
        "JSON with exactly the fields of one kind. A Google service account's key file is used as downloaded.",
      fields: [
        ...loginSchemas.flatMap((schema) => fieldsOf(schema)),
        ...fieldsOf(accessKeySchema),
      ].filter(({ path }, at, all) => all.findIndex((one) => one.path === path) === at),
    },
  ];
}
