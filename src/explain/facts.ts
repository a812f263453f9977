// Facts for explaining a pull: reads, without changing anything, all state that decides how an image would be pulled.

import { type Access, isPast, type PullToken } from "../access/contract.ts";
import type { Catalog } from "../catalog/contract.ts";
import type { Counts, HeldImage } from "../catalog/record/contract.ts";
import type { Config } from "../config/read.ts";
import type { TrustMode } from "../config/trust-mode.ts";
import type { Digest } from "../oci/digest.ts";
import { twinOf } from "../oci/hash.ts";
import { parseObject } from "../oci/json.ts";
import type { Reference } from "../oci/reference.ts";
import { type Named, namedIn } from "../oci/references.ts";
import { type AgeVerdict, agedBy } from "../policy/age.ts";
import { mayPull, type Target, targetAt, targetOf } from "../policy/authorize.ts";
import type { TagMapping } from "../policy/fresh.ts";
import { routeFull } from "../policy/route.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import type { Allowance } from "../policy/trust.ts";
import { policyOf } from "../pull/admission/admission.ts";
import { signersOf } from "../pull/admission/finding.ts";
import type { AdmissionStore, KeptAdmission } from "../store/admissions.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { LinkStore } from "../store/links.ts";
import type { Manifest, ManifestStore } from "../store/manifests.ts";
import type { TagStore } from "../store/tags.ts";
import type { VerdictStore } from "../store/verdicts.ts";
import { dayOf } from "../text/times.ts";
import type { UpstreamState, Watch } from "../upstream/contract.ts";
import { type VulnerabilityFact, vulnerabilitiesOf } from "./vulnerability-facts.ts";

/** The stores and services that the facts are read from. */
export interface Sources {
  config: Config;
  access: Pick<Access, "tokens" | "page">;
  catalog: Pick<Catalog, "image" | "counts">;
  links: Pick<LinkStore, "recorded">;
  tags: Pick<TagStore, "get" | "recorded">;
  manifests: Pick<ManifestStore, "get" | "firstPlace">;
  blobs: Pick<BlobStore, "layout">;
  admissions: Pick<AdmissionStore, "get">;
  verdicts: Pick<VerdictStore, "getStored">;
  gate: Watch;
}

/** A manifest of the image, and which of its content is cached. */
export interface ContentFact {
  digest: Digest;
  platform?: string;
  here: boolean;
  blobs: { digest: Digest; here: boolean }[];
}

export interface SignatureFact {
  mode: TrustMode;
  /** The signers of the entry that decides, in words; undefined if no entry matches and the rule refuses that. */
  asks?: string;
  kept?: KeptAdmission;
}

export interface Facts {
  reference: Reference;
  now: number;
  target: Target;
  /** Pull tokens that may pull the image. */
  tokens: Pick<PullToken, "id" | "name">[];
  /** OIDC issuers whose tokens may pull the image. */
  issuers: string[];
  mapping?: TagMapping;
  former: Digest[];
  /** Whether the tag's digest is old enough for the rule. */
  age?: AgeVerdict;
  /** The digest that would be served: the one requested, or what the tag means here. */
  digest?: Digest;
  parts: ContentFact[];
  /** Reason of the quarantine, if the digest is in it. */
  quarantined?: string;
  /** Allowance (break-glass) of the digest that has not ended. */
  allowance?: Allowance;
  linked: boolean;
  image?: HeldImage;
  upstream?: UpstreamState;
  /** What the rule's `verify` asks for, and what is kept of the digest; undefined if signatures are not looked at. */
  signature?: SignatureFact;
  /** What the rule refuses of what scanners found; undefined if it refuses nothing. */
  vulnerabilities?: VulnerabilityFact;
  /** Counters of the repository, of the last seven days. */
  counts: Counts[];
}

/** Maximum number of an index's manifests examined, and of blobs of each. */
const MAX_PARTS = 20;
const MAX_BLOBS = 60;
const WEEK = 7 * 24 * 60 * 60_000;

/** @param client host and `ns`, as a client would send them */
export async function collect(
  sources: Sources,
  reference: Reference,
  client: { host: string; ns: string | undefined },
  now: number,
): Promise<Facts> {
  const { config, access } = sources;
  const naming = { name: reference.name, ...client };
  const plain = targetOf(config, naming, undefined);
  // Users may give a full name with a registry host, as clients do before a mirror configuration removes it.
  const routed = plain.routed ?? routeFull(config.rules, reference.name);
  const target = routed ? targetAt(config, routed, naming, undefined) : plain;
  const isGood = (token: PullToken) => token.revokedAt === undefined && !isPast(token, now);
  const tokens = (await access.tokens(now)).filter(
    (token) => isGood(token) && mayPull(token.repositories, target),
  );
  const issuers = config.auth.issuers.filter(({ repositories }) => mayPull(repositories, target));
  const facts: Facts = {
    reference,
    now,
    target,
    tokens: tokens.map(({ id, name }) => ({ id, name })),
    issuers: [...new Set(issuers.map(({ issuer }) => issuer))],
    former: [],
    parts: [],
    linked: false,
    counts: [],
  };
  if (!routed || routed.configured.problem) return facts;
  const source = { rule: routed.configured.rule, repository: routed.repository };
  return { ...facts, ...(await ofSource(sources, source, reference, now)) };
}

async function ofSource(
  sources: Sources,
  source: Source,
  { tag, digest: named }: Reference,
  now: number,
): Promise<Partial<Facts>> {
  const { tags, manifests, catalog, gate, access } = sources;
  const place = sourceKey(source);
  const from = dayOf(now - WEEK);
  const [mapping, record, upstream, counts, { quarantine, allowances = [] }] = await Promise.all([
    tag === undefined ? undefined : tags.get(source, tag),
    tag === undefined ? undefined : tags.recorded(source, tag),
    gate.state(source.rule, source.repository),
    catalog.counts(from),
    access.page(),
  ]);
  const aged = mapping && agedBy(allowances, mapping, { source, tag: tag as string }, now);
  const digest = named ?? aged?.meant;
  const [manifest, linked, image] = digest
    ? await Promise.all([
        manifests.get(digest),
        isLinked(sources, place, digest),
        catalog.image(place, digest),
      ])
    : [undefined, false, undefined];
  const parts = digest ? await partsOf(sources, digest, manifest) : [];
  const twin = digest && manifest && twinOf(digest, manifest.bytes);
  const signature = await signatureOf(sources, source, digest, now);
  const vulnerabilities = await vulnerabilitiesOf(sources.verdicts, source, parts, now);
  const held = quarantine.find((one) => one.digest === digest || one.digest === twin);
  // By the digest that was allowed, unlike the quarantine: an allowance is not widened to another algorithm.
  const allowance = allowances.find((one) => one.digest === digest && one.until > now);
  return {
    ...(held && { quarantined: held.reason }),
    ...(allowance && { allowance }),
    ...(mapping && { mapping }),
    ...(aged && { age: aged.age }),
    former: record?.former ?? [],
    ...(digest && { digest }),
    parts,
    linked,
    ...(image && { image }),
    ...(signature && { signature }),
    ...(vulnerabilities && { vulnerabilities }),
    upstream,
    counts: counts.filter((one) => one.place === place),
  };
}

async function signatureOf(
  { config, admissions }: Sources,
  source: Source,
  digest: Digest | undefined,
  now: number,
): Promise<SignatureFact | undefined> {
  const policy = policyOf(source, config);
  const { verify } = source.rule;
  if (!policy || !verify) return undefined;
  const { entry, version } = policy;
  const name = digest && { digest, kind: "manifest" as const, version };
  const kept = name && (await admissions.get(source, name));
  const isKept = kept && (kept.until === undefined || kept.until > now);
  return {
    mode: verify.mode,
    ...(entry && { asks: signersOf(entry) }),
    ...(isKept && { kept }),
  };
}

/** By its link record, or by what an earlier version stored (pull/links). */
async function isLinked({ links, manifests }: Sources, place: string, digest: Digest) {
  const record = await links.recorded(place, digest);
  return record ? record === "proved" : (await manifests.firstPlace(digest)) === place;
}

async function partsOf(
  sources: Sources,
  digest: Digest,
  manifest: Manifest | undefined,
): Promise<ContentFact[]> {
  if (!manifest) return [{ digest, here: false, blobs: [] }];
  const named = namedIn(parseObject(manifest.bytes) ?? {});
  const children = distinct(named.filter(({ kind }) => kind !== "blob")).slice(0, MAX_PARTS);
  const parts = await Promise.all(
    children.map(async (child): Promise<ContentFact | undefined> => {
      const { digest: of, platform, kind } = child;
      const found = await sources.manifests.get(of);
      if (!found && kind === "unknown" && (await sources.blobs.layout(of))) return undefined;
      return {
        digest: of,
        ...(platform !== undefined && { platform }),
        here: found !== undefined,
        blobs: found ? await blobsOf(sources, namedIn(parseObject(found.bytes) ?? {})) : [],
      };
    }),
  );
  // A child of unknown kind that is stored as a blob counts as a blob.
  const asBlobs = children.filter((_, at) => parts[at] === undefined);
  const own = [
    ...asBlobs.map((child) => ({ digest: child.digest, here: true })),
    ...(await blobsOf(sources, named)),
  ];
  return [{ digest, here: true, blobs: own }, ...parts.filter((part) => part !== undefined)];
}

/** The manifest's blobs. Foreign layers are listed only if cached, since they need not be in any registry. */
async function blobsOf({ blobs }: Sources, named: readonly Named[]): Promise<ContentFact["blobs"]> {
  const own = distinct(named.filter(({ kind }) => kind === "blob")).slice(0, MAX_BLOBS);
  const all = await Promise.all(
    own.map(async ({ digest, foreign = false }) => {
      return { digest, foreign, here: (await blobs.layout(digest)) !== undefined };
    }),
  );
  return all
    .filter(({ foreign, here }) => here || !foreign)
    .map(({ digest, here }) => ({ digest, here }));
}

function distinct(named: readonly Named[]): Named[] {
  return [...new Map(named.map((one) => [one.digest, one])).values()];
}
