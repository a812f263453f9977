// SECRETS: where each secret may go. A rule of wrangler.toml binds the secrets that it names to its own upstream; what is bound neither
// by a rule nor here goes nowhere: an admin of the API, who cannot read secrets, could else have any of them sent to a host of theirs.

import { z } from "zod";
import { ownEndpoint } from "./ecr.ts";
import { oneOrMore, secretName } from "./fields.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import { namedRealms } from "./realms.ts";
import type { Rule } from "./rule.ts";
import { parseUpstream } from "./upstream.ts";

/** Secrets of the cache's own: no registry is to see them. */
export const OWN_SECRETS: readonly string[] = ["ADMIN_TOKEN", "VIEWER_TOKEN", "METRICS_TOKEN"];

/** Base URLs, without a slash at their end: a secret may go to what is under one. */
interface Bound {
  upstreams: string[];
  /** APIs that give logins (ECR). */
  endpoints: string[];
  /** Token services, by origin. */
  realms: string[];
}

/** Secret → where it may go. */
export type Bindings = ReadonlyMap<string, Bound>;

const WORDS = 'must be a base URL, such as "https://registry.example.com/team", or a list of them';

const base = z.string().transform((text, context): string => {
  try {
    // Plain http only where it is written out.
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
      "is the cache's own, and goes nowhere",
    ),
    oneOrMore(base, WORDS),
    { error: 'must be a table: NAME = ["https://host[:port]/path"]' },
  )
  .default({})
  .describe(
    'Where secrets may go, beside the upstreams of rules in wrangler.toml that name them: NAME = ["https://host[:port]/path"]. A rule of the API can use no other secret.',
  );

/** @param value of the variable SECRETS: a table, or JSON of one, as `--var` hands it over */
export function readSecrets(value: unknown, problems: string[]): Record<string, string[]> {
  if (value === undefined || value === "") return {};
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`SECRETS: ${given.problem}`);
    return {};
  }
  const parsed = secretsSchema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.flatMap((issue) => describe("SECRETS", nameOf(issue), "")));
  return {};
}

/** What is wrong with a name, in its own words. */
function nameOf(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  const [own] = issue.code === "invalid_key" ? issue.issues : [];
  return own ? { ...issue, message: own.message } : issue;
}

/** @param rules of wrangler.toml: those that the API has added bind nothing
 * @param named by SECRETS */
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

/** What a rule wants of a secret that is not bound so. */
export interface Unbound {
  secret: string;
  /** Of the rule. */
  field: "credentials" | "endpoint" | "realm";
  problem: string;
}

/** Undefined where the rule may use all its secrets as it would. */
export function unboundIn(bindings: Bindings, rule: Rule): Unbound | undefined {
  for (const secret of rule.credentials) {
    const unbound = unboundOf(bindings.get(secret), rule, secret);
    if (unbound) return unbound;
  }
  return undefined;
}

function unboundOf(bound: Bound | undefined, rule: Rule, secret: string): Unbound | undefined {
  const { upstream, ecr } = rule;
  const say = (field: Unbound["field"], to: string): Unbound => {
    const where = bound
      ? `bound to ${[...new Set(bound.upstreams)].join(", ")} alone`
      : "bound nowhere";
    const problem = `the secret ${secret} is ${where}: bind it in wrangler.toml, by [vars.SECRETS] ${secret} = ["${to}"]`;
    return { secret, field, problem };
  };
  const isUnder = (url: string, bases: readonly string[] = []) =>
    bases.some((one) => url === one || url.startsWith(`${one}/`));
  if (!isUnder(upstream.base, bound?.upstreams)) return say("credentials", upstream.base);
  const isOwn = ecr && ecr.endpoint === ownEndpoint(upstream, ecr.region);
  if (ecr && !isOwn && !isUnder(ecr.endpoint, bound?.endpoints))
    return say("endpoint", ecr.endpoint);
  const named = [...(bound?.realms ?? []), ...(bound?.upstreams ?? [])];
  const realm = namedRealms(rule).find((origin) => !isUnder(origin, named));
  return realm === undefined ? undefined : say("realm", realm);
}
