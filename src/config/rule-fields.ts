// The fields of a rule, as they are written: each with what it does, which the reference is made of.

import { z } from "zod";
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

export const ruleFields = {
  prefix: oneOrMore(prefix, "must be a name or a list of names")
    .optional()
    .describe(
      "The first part or parts of names that lead here, one or a list: the first is the rule's name, the others are aliases. No other rule has them.",
    ),
  default: z
    .boolean()
    .default(false)
    .describe(
      "Takes names without a prefix, as dockerd's registry-mirrors asks for them. One rule at most.",
    ),
  shadow: z
    .boolean()
    .default(false)
    .describe("Allows a prefix that could hide a namespace of the default rule's upstream."),
  host: oneOrMore(host, "must be a host name or a list of them")
    .optional()
    .describe("Host names of this deployment, one or a list, that lead to this rule."),
  secretHost: oneOrMore(secretHost, "must be a host name or a list of them")
    .optional()
    .describe(
      "Host names, one or a list, that nobody can guess: whoever asks there may pull by this rule without a token.",
    ),
  anonymous: z
    .boolean()
    .default(false)
    .describe("Everybody may pull by this rule, without a token."),
  networks: z
    .array(clientNetwork, { error: "must be a list of networks" })
    .default([])
    .describe(
      'In CIDR: from there everybody may pull by this rule, without a token. { network = "…", touches = false } instead of the text: nothing that is asked for from there keeps an image from expiring.',
    ),
  ns: oneOrMore(namespace, "must be a registry's host or a list of them")
    .optional()
    .describe(
      "Registries, one or a list, that containerd may mean by this rule, beside the upstream's own host.",
    ),
  upstream: z
    .string({ error: "must be a base URL or a host name" })
    // All that does not hang on `insecure`, so that it is told together with what else is wrong.
    .superRefine((text, context) => void upstreamAt(text, true, [], context))
    .describe(
      "The registry: a host, or a base URL. docker.io means registry-1.docker.io. http:// is for loopback, and with insecure.",
    ),
  upstreamPrefix: prefix
    .optional()
    .describe(
      "Put before the rest of the name at the upstream: prefix/app is upstreamPrefix/app there. For registries that have projects behind /v2/, such as Harbor and Google Artifact Registry.",
    ),
  dockerHub: z
    .boolean()
    .default(false)
    .describe(
      "The upstream is another registry's proxy of Docker Hub (Harbor, Nexus, Artifactory, Google Artifact Registry): a name of one part is an official image, so that prefix/alpine is library/alpine there, behind upstreamPrefix. For docker.io itself it need not be said.",
    ),
  kind: z
    .enum(["oci", "ecr"], { error: 'must be "oci" or "ecr"' })
    .default("oci")
    .describe("ecr for a private registry of Amazon's, whose logins come of an access key."),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region, such as "eu-west-1"')
    .optional()
    .describe("Of Amazon's ECR, where the upstream's host does not tell it."),
  endpoint: z
    .string({ error: "must be the URL of the ECR API" })
    .optional()
    .describe(
      "The URL of Amazon's ECR API, where the upstream's host does not tell it: a VPC endpoint, say.",
    ),
  credentials: oneOrMore(secretName, "must be the name of a secret, or a list of names")
    .optional()
    .describe(
      "The name of a secret, or a list of names: when the upstream refuses the first, the next is used. Without it the upstream is asked anonymously.",
    ),
  realm: oneOrMore(realm, "must be a host name or the URL of a token service, or a list of them")
    .optional()
    .describe(
      "Token services, one or a list, that may be asked beside one at the upstream's own origin (scheme, host and port): a host, or a URL of which the origin counts. Those of Docker Hub, registry.gitlab.com, registry.digitalocean.com and Alibaba's registries are known.",
    ),
  insecure: z
    .boolean()
    .default(false)
    .describe("Allows an http:// upstream that is not on loopback."),

  allow: z
    .array(pattern, { error: "must be a list of globs" })
    .min(1, "must hold a glob: an empty list would allow nothing")
    .optional()
    .describe("Globs over names, or names and tags, that alone may be pulled. Without it, all."),
  deny: z
    .array(pattern, { error: "must be a list of globs" })
    .default([])
    .describe("Globs over names, or names and tags, that may not be pulled, whatever is allowed."),
  denyReason: sentence
    .optional()
    .describe("What whoever is refused is told, in place of a sentence of ours."),
  allowDigests: z
    .boolean()
    .default(false)
    .describe("Where allow and deny tell tags apart: any digest of an allowed name may be pulled."),
  denyDigests: z
    .array(digest, { error: "must be a list of digests" })
    .default([])
    .describe("Manifests and layers that nobody gets by this rule."),

  tagTtl: duration("1h")
    .prefault("1h")
    .describe(
      "For how long what a tag means is taken as fresh. Then one HEAD asks again, which Docker Hub does not count as a pull; each check is also a write into KV.",
    ),
  immutableTags: z
    .array(tagPattern, { error: "must be a list of globs" })
    .default([])
    .describe("Globs over tags, or names and tags, that are checked once and never again."),
  staleWhileRevalidate: duration("5m")
    .prefault("0s")
    .describe(
      "For how long after tagTtl a tag is answered at once, and checked behind the answer.",
    ),
  staleIfError: duration("7d")
    .prefault("7d")
    .describe(
      "For how long after tagTtl a tag, or a list, is served while the upstream fails. While it refuses our credentials, an hour at most.",
    ),
  keepDeleted: z
    .boolean()
    .default(false)
    .describe(
      "A tag that the upstream has deleted is served on, and labelled. Else it is gone here too after its tagTtl; its manifest can be pulled by digest.",
    ),
  allowNoCache: z
    .boolean()
    .default(false)
    .describe("A client's Cache-Control: no-cache has the tag or list checked now."),
  negativeTtl: duration("10s")
    .prefault("10s")
    .describe(
      "For how long what the upstream does not have is remembered; of digests, 10 s at most.",
    ),
  listTtl: duration("1m")
    .prefault("1m")
    .describe("For how long a list of tags, or of referrers, is taken as fresh."),
  reservePulls: z
    .int()
    .min(0)
    .default(10)
    .describe("How many pulls of the upstream's rate limit background work leaves to clients."),
  offline: z.boolean().default(false).describe("The upstream is never asked."),

  firstByteTimeout: duration("10s", 1)
    .prefault("10s")
    .describe(
      "How long a client waits for the upstream to begin to answer, in all: token service, a tag's check, its manifest and redirects together.",
    ),
  silenceTimeout: duration("30s", 1)
    .prefault("30s")
    .describe(
      "How long the upstream may be silent in mid-transfer before it is asked again from there.",
    ),
  connections: z
    .int()
    .min(1)
    .max(4)
    .default(4)
    .describe("Over how many connections a layer of more than 8 MiB is fetched side by side."),
};

/** What is wrong with it is told of the schema that reads it. @param path of it there */
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
