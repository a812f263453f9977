// SECRETS: the hosts that each secret may be sent to. A rule of wrangler.toml binds its secrets to its own upstream; a secret that is bound
// neither so nor here is never sent: an API administrator, who cannot read secrets, could otherwise have one sent to a host of their own.

import { z } from "zod";
import { ownEndpoint } from "./ecr.ts";
import { oneOrMore, secretName } from "./fields.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import { namedRealms } from "./realms.ts";
import type { Rule } from "./rule.ts";
import { parseUpstream } from "./upstream.ts";

/** The cache's own secrets, which are never sent to a registry. */
export const OWN_SECRETS: readonly string[] = [
  "ADMIN_TOKEN",
  "VIEWER_TOKEN",
  "METRICS_TOKEN",
  "SCANNER_TOKEN",
];

/** Base URLs without a trailing slash: a secret may be sent to any URL under one. */
interface Bound {
  upstreams: string[];
  /** APIs that issue logins (ECR). */
  endpoints: string[];
  /** Token services, by origin. */
  realms: string[];
}

/** Allowed destinations by the secret's name. */
export type Bindings = ReadonlyMap<string, Bound>;

const WORDS = 'must be a base URL, such as "https://registry.example.com/team", or a list of them';

const base = z.string().transform((text, context): string => {
  try {
    // A bare host means https; http must be written out.
    return parseUpstream(text, true).base;
  } catch (error) {
    context.issues.push({ code: "custom", input: text, message: (error as Error).message });
    return z.NEVER;
  }
});

export const secretsSchema = z
  .record(
    secretName.refine(
      (name) => !OWN_SECRETS.includes(name),
      "is one of the cache's own secrets, which are never sent to a registry",
    ),
    oneOrMore(base, WORDS),
    { error: 'must be a table: NAME = ["https://host[:port]/path"]' },
  )
  .default({})
  .describe(
    'Destinations that secrets may be sent to, in addition to the upstreams of the rules in wrangler.toml that name them: NAME = ["https://host[:port]/path"]. A rule added by the API can use no other secret.',
  );

/** @param value of the variable SECRETS: a table, or its JSON as `--var` passes it */
export function readSecrets(value: unknown, problems: string[]): Record<string, string[]> {
  if (value === undefined || value === "") return {};
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`SECRETS: ${given.problem}`);
    return {};
  }
  const parsed = secretsSchema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  problems.push(
    ...parsed.error.issues.flatMap((issue) => describe("SECRETS", withNameMessage(issue), "")),
  );
  return {};
}

/** The issue with the message of the name's own schema, if the name is what is wrong. */
function withNameMessage(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  const [own] = issue.code === "invalid_key" ? issue.issues : [];
  return own ? { ...issue, message: own.message } : issue;
}

/** The destinations of all secrets.
 * @param rules of wrangler.toml only: rules added by the API bind nothing
 * @param named the variable SECRETS */
export function bindingsOf(
  rules: readonly Rule[],
  named: Readonly<Record<string, string[]>>,
): Bindings {
  const bindings = new Map<string, Bound>();
  const bind = (secret: string, { upstreams, endpoints, realms }: Bound) => {
    const bound = bindings.get(secret) ?? { upstreams: [], endpoints: [], realms: [] };
    bound.upstreams.push(...upstreams);
    bound.endpoints.push(...endpoints);
    bound.realms.push(...realms);
    bindings.set(secret, bound);
  };
  for (const rule of rules)
    for (const secret of rule.credentials)
      bind(secret, {
        upstreams: [rule.upstream.base],
        endpoints: rule.ecr ? [rule.ecr.endpoint] : [],
        realms: namedRealms(rule),
      });
  for (const [secret, bases] of Object.entries(named))
    bind(secret, { upstreams: bases, endpoints: bases, realms: bases });
  return bindings;
}

/** A use of a secret by a rule that its bindings do not allow. */
export interface Unbound {
  secret: string;
  /** The rule's field that causes the use. */
  field: "credentials" | "endpoint" | "realm";
  problem: string;
}

/** The rule's first use of a secret that is not allowed; undefined if all are. */
export function unboundIn(bindings: Bindings, rule: Rule): Unbound | undefined {
  for (const secret of rule.credentials) {
    const unbound = unboundOf(bindings.get(secret), rule, secret);
    if (unbound) return unbound;
  }
  return undefined;
}

function unboundOf(bound: Bound | undefined, rule: Rule, secret: string): Unbound | undefined {
  const { upstream, ecr } = rule;
  const unboundTo = (field: Unbound["field"], to: string): Unbound => {
    const where = bound
      ? `bound to ${[...new Set(bound.upstreams)].join(", ")} only`
      : "bound to no host";
    const problem = `the secret ${secret} is ${where}: bind it in wrangler.toml with [vars.SECRETS] ${secret} = ["${to}"]`;
    return { secret, field, problem };
  };
  const isUnder = (url: string, bases: readonly string[] = []) =>
    bases.some((one) => url === one || url.startsWith(`${one}/`));
  if (!isUnder(upstream.base, bound?.upstreams)) return unboundTo("credentials", upstream.base);
  const isOwn = ecr && ecr.endpoint === ownEndpoint(upstream, ecr.region);
  if (ecr && !isOwn && !isUnder(ecr.endpoint, bound?.endpoints))
    return unboundTo("endpoint", ecr.endpoint);
  const named = [...(bound?.realms ?? []), ...(bound?.upstreams ?? [])];
  const realm = namedRealms(rule).find((origin) => !isUnder(origin, named));
  return realm === undefined ? undefined : unboundTo("realm", realm);
}
