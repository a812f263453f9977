// Rule: the names that select it, its upstream, what may be pulled, and how the upstream is requested.

import { z } from "zod";
import type { Digest } from "../oci/digest.ts";
import { type MinimumAge, minimumAgeOf } from "./age-fields.ts";
import { type EcrApi, ecrApiOf } from "./ecr.ts";
import { ruleFields, upstreamAt } from "./rule-fields.ts";
import type { Upstream } from "./upstream.ts";
import { type Verification, verificationOf } from "./verify.ts";
import { type VulnerabilityRule, vulnerabilityRule } from "./vulnerability-fields.ts";

/** Plain data, sent to the Durable Objects as it is. Durations are in ms. */
export interface Rule {
  /** Name in messages: the canonical prefix, else the first host, else the upstream's host. */
  name: string;
  /** The canonical prefix first, then its aliases. */
  prefixes: string[];
  /** Serves names that no rule's prefix matches. */
  default: boolean;
  /** Allows a prefix that could hide a namespace of the default rule's upstream. */
  shadow: boolean;
  /** Hosts that select this rule. */
  hosts: string[];
  /** Secret hosts that select this rule: a client that knows one may pull, and a client that may not pull is never shown them. */
  secretHosts: string[];
  /** Registry hosts that select this rule in `?ns=`, in addition to the upstream's own host. */
  ns: string[];
  upstream: Upstream;
  /** Prepended to the rest of the name at the upstream. */
  upstreamPrefix?: string;
  /** The upstream is a proxy of Docker Hub, with Docker Hub's names (config/docker-hub). */
  dockerHub: boolean;
  /** The API that issues a private ECR registry's logins; only for rules with kind = "ecr". */
  ecr?: EcrApi;
  /** Names of secrets; the first that the upstream does not refuse is used. */
  credentials: string[];
  /** Token services that may receive the credentials, in addition to one at the upstream's own origin. */
  realms: string[];

  /** Any client may pull without a token. */
  anonymous: boolean;
  /** Networks, in CIDR notation, whose clients may pull without a token. */
  networks: string[];
  /** Those of `networks` whose pulls do not keep an image from expiring; undefined if there are none. */
  quietNetworks?: string[];

  /** Globs over `name` or `name:tag`; undefined for all. */
  allow?: string[];
  deny: string[];
  denyReason?: string;
  /** Where the lists distinguish tags: allows a digest that is not known to belong to an allowed tag. */
  allowDigests: boolean;
  denyDigests: Digest[];
  /** How many persons an allowance must have, 1 or 2. Absent in rules of an earlier version: 1. */
  allowancePeople?: number;
  /** How long a tag must have meant a digest before that digest is served; undefined for no minimum. */
  minimumAge?: MinimumAge;
  /** Who must have signed which images; undefined if signatures are not looked at. */
  verify?: Verification;
  /** What is refused of what scanners found; undefined if verdicts are not looked at. */
  vulnerabilities?: VulnerabilityRule;
  /** Fetches what refers to a manifest after it. */
  referrers?: boolean;

  /** How long a tag's digest counts as fresh. */
  tagTtl: number;
  /** Globs over tags that are resolved once and never checked again. */
  immutableTags: string[];
  /** How long after `tagTtl` a tag is served without waiting and checked in the background. */
  staleWhileRevalidate: number;
  /** How long after `tagTtl` a tag or list is served while the upstream fails. */
  staleIfError: number;
  /** Keeps serving a tag that the upstream has deleted. */
  keepDeleted: boolean;
  /** Lets a client's `Cache-Control: no-cache` check the tag or list at once. */
  allowNoCache: boolean;
  /** How long an upstream's 404 is remembered. */
  negativeTtl: number;
  /** How long a list of tags or referrers counts as fresh. */
  listTtl: number;
  /** Pulls of the upstream's rate limit that background work leaves to clients. */
  reservePulls: number;
  /** Never contacts the upstream. */
  offline: boolean;

  /** Maximum time until the upstream's first byte. */
  firstByteTimeout: number;
  /** Maximum time without a byte during a transfer. */
  silenceTimeout: number;
  /** Number of parallel connections for one blob, if the upstream supports ranges. */
  connections: number;
}

export const ruleSchema = z.strictObject(ruleFields).transform((given, context): Rule => {
  const {
    prefix: prefixes = [],
    host: hosts = [],
    secretHost: secretHosts = [],
    ns = [],
    upstream: text,
    realm: realms = [],
    insecure,
    upstreamPrefix,
    kind,
    region,
    endpoint,
    credentials = [],
    networks,
    allow,
    denyReason,
    minimumAge,
    minimumAgeMode,
    minimumAgeExcept,
    minimumAgeFirst,
    verify: entries,
    verifyMode,
    verifyUnmatched,
    vulnerabilities: policy,
    vulnerabilitiesMode,
    referrers,
    ...rest
  } = given;
  const report = (field: string, message: string) =>
    void context.issues.push({ code: "custom", path: [field], input: given, message });
  if ([...prefixes, ...hosts, ...secretHosts, ...ns].length === 0 && !given.default) {
    report("prefix", "is missing, and so are default, host and ns: no name selects this rule");
  }
  if (new Set(credentials).size < credentials.length)
    report("credentials", "contains a secret twice");
  const upstream = upstreamAt(text, insecure, ["upstream"], context);
  const ecr = ecrApiOf({ kind, region, endpoint, insecure, upstream, credentials }, report);
  const age = minimumAgeOf(
    { minimumAge, minimumAgeMode, minimumAgeExcept, minimumAgeFirst },
    report,
  );
  const verify = verificationOf({ verify: entries, verifyMode, verifyUnmatched }, report);
  const vulnerabilities = vulnerabilityRule(policy, vulnerabilitiesMode, report);
  const quiet = networks.filter(({ touches }) => !touches);
  return {
    name: prefixes[0] ?? hosts[0] ?? upstream.host,
    prefixes,
    hosts,
    secretHosts,
    ns: [...new Set(ns)],
    upstream,
    realms,
    credentials,
    networks: networks.map((one) => one.network),
    ...(quiet.length > 0 && { quietNetworks: quiet.map((one) => one.network) }),
    ...(upstreamPrefix && { upstreamPrefix }),
    ...(ecr && { ecr }),
    ...(allow && { allow }),
    ...(denyReason && { denyReason }),
    ...(age && { minimumAge: age }),
    ...(verify && { verify }),
    ...(vulnerabilities && { vulnerabilities }),
    ...(referrers && { referrers }),
    ...rest,
  };
});
