// A rule: which names lead to which upstream, what may be pulled there, and how it is spoken to. Parsed once, at the door.

import { z } from "zod";
import type { Digest } from "../oci/digest.ts";
import { type EcrApi, ecrApiOf } from "./ecr.ts";
import { ruleFields, upstreamAt } from "./rule-fields.ts";
import type { Upstream } from "./upstream.ts";

/** Plain data: it travels to the Durable Objects as it is. Durations are in ms. */
export interface Rule {
  /** What messages call it: its canonical prefix, or its first host, or its upstream. */
  name: string;
  /** The canonical prefix first, then its aliases. */
  prefixes: string[];
  /** Serves names that no prefix takes. */
  default: boolean;
  /** Allows, beside a default rule, a prefix that could hide a namespace of its upstream. */
  shadow: boolean;
  /** Hosts that lead to this rule. */
  hosts: string[];
  /** A host that leads here, and that nobody is told of who may not pull: whoever comes to it may. */
  secretHosts: string[];
  /** Registries, beside the upstream's own host, that clients mean this rule by (`?ns=`). */
  ns: string[];
  upstream: Upstream;
  /** Put before the rest of the name at the upstream. */
  upstreamPrefix?: string;
  /** Another registry in front of Docker Hub: its names are Docker Hub's (config/docker-hub). */
  dockerHub: boolean;
  /** Where a private ECR registry's logins come from; of that kind of rule only. */
  ecr?: EcrApi;
  /** The names of secrets: the first that the upstream does not refuse is used. */
  credentials: string[];
  /** Hosts, beside the upstream's own site, whose token service may see the credentials. */
  realms: string[];

  /** Everybody may pull here. */
  anonymous: boolean;
  /** Whoever comes from one of these may, in CIDR. */
  networks: string[];
  /** Those of them whose clients keep no image alive, where there are any. */
  quietNetworks?: string[];

  /** Globs over `name` or `name:tag`; undefined allows all. */
  allow?: string[];
  deny: string[];
  denyReason?: string;
  /** Where the lists speak of tags, a digest need not be known to belong to an allowed one. */
  allowDigests: boolean;
  denyDigests: Digest[];

  /** For how long a tag's digest is taken as fresh. */
  tagTtl: number;
  /** Globs over tags that are checked once and never again. */
  immutableTags: string[];
  /** For how long, after that, it is still answered at once, and checked behind the answer. */
  staleWhileRevalidate: number;
  /** For how long it is served while the upstream fails. */
  staleIfError: number;
  /** A tag that the upstream deleted is served on. */
  keepDeleted: boolean;
  /** A client's `Cache-Control: no-cache` has the tag checked. */
  allowNoCache: boolean;
  /** For how long what the upstream does not have is remembered. */
  negativeTtl: number;
  /** For how long a tag list, or a list of referrers, is taken as fresh. */
  listTtl: number;
  /** Pulls of the upstream's rate limit that background work leaves to clients. */
  reservePulls: number;
  /** The upstream is never asked. */
  offline: boolean;

  /** How long the upstream may take for its first byte, and be silent afterwards. */
  firstByteTimeout: number;
  silenceTimeout: number;
  /** How many connections one blob is fetched over, where the upstream supports ranges. */
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
    ...rest
  } = given;
  const say = (field: string, message: string) =>
    void context.issues.push({ code: "custom", path: [field], input: given, message });
  if ([...prefixes, ...hosts, ...secretHosts, ...ns].length === 0 && !given.default) {
    say("prefix", "is missing, and there is no default, host or ns either: no name leads here");
  }
  if (new Set(credentials).size < credentials.length) say("credentials", "names a secret twice");
  const upstream = upstreamAt(text, insecure, ["upstream"], context);
  const ecr = ecrApiOf({ kind, region, endpoint, insecure, upstream, credentials }, say);
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
    ...rest,
  };
});
