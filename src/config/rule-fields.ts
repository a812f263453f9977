// Rule fields: the schema of each, with the description that the reference is generated from.

import { z } from "zod";
import { ageFields } from "./age-fields.ts";
import { allowanceFields } from "./allowance-fields.ts";
import { duration } from "./duration.ts";
import {
  digest,
  host,
  namespace,
  oneOrMore,
  pattern,
  prefix,
  realm,
  secretHost,
  secretName,
  sentence,
  tagPattern,
} from "./fields.ts";
import { clientNetwork } from "./network.ts";
import { parseUpstream, type Upstream } from "./upstream.ts";
import { verifyFields } from "./verify.ts";
import { vulnerabilityFields } from "./vulnerability-fields.ts";

export const ruleFields = {
  prefix: oneOrMore(prefix, "must be a name or a list of names")
    .optional()
    .describe(
      "One or more name prefixes that select this rule. The first is the rule's name, the others are aliases. Each must be unique among all rules.",
    ),
  default: z
    .boolean()
    .default(false)
    .describe(
      "Serves names without a prefix, as dockerd's registry-mirrors requests them. At most one rule.",
    ),
  shadow: z
    .boolean()
    .default(false)
    .describe("Allows a prefix that could hide a namespace of the default rule's upstream."),
  host: oneOrMore(host, "must be a host name or a list of them")
    .optional()
    .describe("One or more host names of this deployment that select this rule."),
  secretHost: oneOrMore(secretHost, "must be a host name or a list of them")
    .optional()
    .describe(
      "One or more unguessable host names that select this rule. A client that knows one may pull by this rule without a token.",
    ),
  anonymous: z
    .boolean()
    .default(false)
    .describe("Any client may pull by this rule without a token."),
  networks: z
    .array(clientNetwork, { error: "must be a list of networks" })
    .default([])
    .describe(
      'Networks in CIDR notation whose clients may pull by this rule without a token. With { network = "…", touches = false } in place of the text, pulls from that network do not keep an image from expiring.',
    ),
  ns: oneOrMore(namespace, "must be a registry's host or a list of them")
    .optional()
    .describe(
      "One or more registry hosts that select this rule in containerd's ?ns=, in addition to the upstream's own host.",
    ),
  upstream: z
    .string({ error: "must be a base URL or a host name" })
    // Checks all that does not depend on `insecure`, so that it is reported together with the other fields' problems.
    .superRefine((text, context) => void upstreamAt(text, true, [], context))
    .describe(
      "The registry: a host or a base URL. docker.io means registry-1.docker.io. http:// is allowed for loopback, and elsewhere with insecure.",
    ),
  upstreamPrefix: prefix
    .optional()
    .describe(
      "Prepended to the rest of the name at the upstream: prefix/app becomes upstreamPrefix/app. For registries with projects after /v2/, such as Harbor and Google Artifact Registry.",
    ),
  dockerHub: z
    .boolean()
    .default(false)
    .describe(
      "The upstream is a proxy of Docker Hub (Harbor, Nexus, Artifactory, Google Artifact Registry). A name with one component is an official image: prefix/alpine becomes library/alpine, after upstreamPrefix. Not needed for docker.io itself.",
    ),
  kind: z
    .enum(["oci", "ecr"], { error: 'must be "oci" or "ecr"' })
    .default("oci")
    .describe("ecr: a private Amazon ECR registry, whose logins are obtained with an access key."),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region, such as "eu-west-1"')
    .optional()
    .describe(
      "AWS region of the ECR registry. Required when the upstream's host does not contain it.",
    ),
  endpoint: z
    .string({ error: "must be the URL of the ECR API" })
    .optional()
    .describe(
      "URL of the ECR API, such as a VPC endpoint. Required when it cannot be derived from the upstream's host.",
    ),
  credentials: oneOrMore(secretName, "must be the name of a secret, or a list of names")
    .optional()
    .describe(
      "One or more names of secrets. When the upstream refuses the first, the next is used. Without it, requests are anonymous.",
    ),
  realm: oneOrMore(realm, "must be a host name or the URL of a token service, or a list of them")
    .optional()
    .describe(
      "One or more token services that may receive the credentials, in addition to one at the upstream's own origin (scheme, host and port): a host, or a URL of which only the origin is used. Those of Docker Hub, registry.gitlab.com, registry.digitalocean.com and Alibaba's registries are built in.",
    ),
  insecure: z
    .boolean()
    .default(false)
    .describe("Allows an http:// upstream that is not on loopback."),

  allow: z
    .array(pattern, { error: "must be a list of globs" })
    .min(1, "must contain at least one glob: an empty list would allow nothing")
    .optional()
    .describe("Globs over names, or names and tags: only these may be pulled. Default: all."),
  deny: z
    .array(pattern, { error: "must be a list of globs" })
    .default([])
    .describe("Globs over names, or names and tags, that may not be pulled. Overrides allow."),
  denyReason: sentence.optional().describe("Message of a refusal, in place of the built-in one."),
  allowDigests: z
    .boolean()
    .default(false)
    .describe(
      "Allows any digest of an allowed name to be pulled, even where allow or deny distinguish tags.",
    ),
  denyDigests: z
    .array(digest, { error: "must be a list of digests" })
    .default([])
    .describe("Digests of manifests and layers that this rule never serves."),
  ...allowanceFields,
  ...ageFields,
  ...verifyFields,
  ...vulnerabilityFields,
  referrers: z
    .boolean()
    .optional()
    .describe(
      "Fetches the signatures, SBOMs and attestations of a manifest after it, so that it can be verified while the upstream is down. Default: false.",
    ),

  tagTtl: duration("1h")
    .prefault("1h")
    .describe(
      "How long a tag's digest counts as fresh. After that, one HEAD request checks it, which Docker Hub does not count as a pull. Each check is also a KV write.",
    ),
  immutableTags: z
    .array(tagPattern, { error: "must be a list of globs" })
    .default([])
    .describe(
      "Globs over tags, or names and tags, that are resolved once and never checked again.",
    ),
  staleWhileRevalidate: duration("5m")
    .prefault("0s")
    .describe(
      "How long after tagTtl a tag is served without waiting and checked in the background.",
    ),
  staleIfError: duration("7d")
    .prefault("7d")
    .describe(
      "How long after tagTtl a tag or a list is served while the upstream fails. At most an hour while the upstream refuses the credentials.",
    ),
  keepDeleted: z
    .boolean()
    .default(false)
    .describe(
      "Keeps serving a tag that the upstream has deleted, marked as stale. Otherwise the tag is gone here too after tagTtl; its manifest can still be pulled by digest.",
    ),
  allowNoCache: z
    .boolean()
    .default(false)
    .describe("Lets a client's Cache-Control: no-cache check the tag or list at once."),
  negativeTtl: duration("10s")
    .prefault("10s")
    .describe("How long an upstream's 404 is remembered. For digests, at most 10 s."),
  listTtl: duration("1m")
    .prefault("1m")
    .describe("How long a list of tags or referrers counts as fresh."),
  reservePulls: z
    .int()
    .min(0)
    .default(10)
    .describe("Pulls of the upstream's rate limit that background work leaves to clients."),
  offline: z.boolean().default(false).describe("Never contacts the upstream."),

  firstByteTimeout: duration("10s", 1)
    .prefault("10s")
    .describe(
      "Maximum time until the upstream's first byte, in total: token service, tag check, manifest and redirects together.",
    ),
  silenceTimeout: duration("30s", 1)
    .prefault("30s")
    .describe(
      "Maximum time without a byte during a transfer. After that, the transfer is resumed with a new request.",
    ),
  connections: z
    .int()
    .min(1)
    .max(4)
    .default(4)
    .describe("Number of parallel connections for a layer of more than 8 MiB."),
};

/** Parses an upstream; a problem becomes an issue of `context`. @param path of the field, for the issue */
export function upstreamAt(
  text: string,
  insecure: boolean,
  path: string[],
  context: z.core.$RefinementCtx,
): Upstream {
  try {
    return parseUpstream(text, insecure);
  } catch (error) {
    const { message } = error as Error;
    context.issues.push({ code: "custom", path, input: text, message });
    return z.NEVER;
  }
}
