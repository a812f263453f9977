// Tag resolution: the digest a tag points to, from the cache while fresh, else through the tag's Durable Object, and the last
// known one if that fails.

import type { CheckedTag } from "../fill/contract.ts";
import { type ErrorValue, RegistryError } from "../oci/error.ts";
import {
  type Freshness,
  freshnessOf,
  isImmutable,
  mayServeStale,
  type TagMapping,
} from "../policy/fresh.ts";
import { sourceKey } from "../policy/source.ts";
import { Claims } from "../store/claims.ts";
import { unasked } from "../upstream/client/offline.ts";
import { isUnknown } from "../upstream/client/refusal.ts";
import type { CacheStatus, Place } from "./cache-status.ts";
import { permitMeant } from "./permit.ts";
import { askingOf } from "./pull.ts";
import { isDoubted, isMissing } from "./recheck.ts";
import type { RepositoryRequest } from "./request.ts";
import { ageOf, insteadOf, type Labelled } from "./stale.ts";
import { type AgedTag, agedTag } from "./tag-age.ts";
import { settleFinding } from "./trust.ts";

/** A request for what a tag points to. */
export interface TagRequest extends RepositoryRequest {
  readonly tag: string;
}

/** A tag's digest at the upstream, and how it was determined. */
interface FoundTag {
  mapping: TagMapping;
  label: Labelled;
  /** The mapping comes from the tag's Durable Object, and KV may not show it yet. */
  isFromObject?: boolean;
  /** Why it is not known when the tag was pushed. */
  unknownAge?: ErrorValue;
}

/** A tag's digest here: another one than at the upstream while the tag is held. */
export type ResolvedTag = FoundTag & Pick<AgedTag, "meant" | "finding">;

export async function resolveTag(request: TagRequest): Promise<ResolvedTag> {
  return resolvedAs(request, await findTag(request));
}

/** Applies the rule's minimum age. */
function resolvedAs(request: TagRequest, found: FoundTag): ResolvedTag {
  const { meant, finding, label } = agedTag(request, found.mapping, found.unknownAge);
  const warnings = [found.label.warning, label?.warning].filter((one) => one !== undefined);
  const warning = warnings.length > 0 && { warning: warnings.join("; ") };
  return {
    ...found,
    label: { ...found.label, ...label, ...warning },
    meant,
    ...(finding && { finding }),
  };
}

/** Throws DENIED (403) for a digest that is denied, in quarantine or too young, and UNAVAILABLE (503) if its age is not known. */
export function permitResolved(request: TagRequest, { mapping, meant, finding }: ResolvedTag) {
  const { source, tag, pull } = request;
  permitMeant(source, meant.digest, pull);
  // Reported once, however often one pull resolves its tag.
  if (!finding || pull.findings?.some(({ check }) => check === finding.check)) return;
  settleFinding(finding, { source, digest: mapping.digest, tag }, pull);
}

async function findTag(request: TagRequest): Promise<FoundTag> {
  const { services, source, tag, pull } = request;
  const found = await services.tags.get(source, tag, pull);
  // Another rule of this upstream may keep deleted tags.
  const known = found?.value.deleted && !source.rule.keepDeleted ? undefined : found?.value;
  const freshness = known ? freshnessOf(known, source, tag, pull.now) : "stale";
  // A mapping of an earlier version gets its history from the tag's object.
  const lacksHistory = source.rule.minimumAge !== undefined && known?.seen === undefined;
  if (known && freshness !== "fresh" && source.rule.offline && !lacksHistory) {
    return insteadOfCheck(known, unasked(source.rule), pull.now);
  }
  const isDoubtful = known !== undefined && !source.rule.offline && isDoubted(source, known);
  const noCache = pull.noCache && !isImmutable(source, tag);
  if (found && known && freshness !== "stale" && !noCache && !isDoubtful) {
    const { value: mapping, layer } = found;
    if (freshness === "fresh") return { mapping, label: labelOf(request, mapping, layer) };
    pull.later(checkInBackground(request));
    return { mapping, label: revalidatingLabel(request, mapping) };
  }
  return resolveWithObject(request, known, freshness);
}

/** Confirms a mapping from KV with the tag's Durable Object before a HEAD is answered from it: KV lags, and the digest may be gone
 * upstream. Undefined if the mapping is from elsewhere. Throws DENIED (403). */
export async function confirmTag(
  request: TagRequest,
  { mapping, label: { status } }: ResolvedTag,
): Promise<ResolvedTag | undefined> {
  const { services, source, tag, pull } = request;
  if (!("hit" in status) || status.hit !== "kv" || source.rule.offline) return undefined;
  const sure = resolvedAs(request, await resolveWithObject(request, mapping, "fresh"));
  permitResolved(request, sure);
  services.tags.keep(source, tag, sure.mapping, pull); // the same HEAD tends to be repeated within seconds
  return sure;
}

/** The tag as its GET has found it, where its HEAD named a digest that the upstream does not have. */
export function resolvedByGet(request: TagRequest, checked: CheckedTag): ResolvedTag {
  const { mapping, unknownAge } = checked;
  const label = labelOf(request, mapping, "object");
  return resolvedAs(request, { mapping, label, ...(unknownAge && { unknownAge }) });
}

/** Resolves the tag again after its content turned out to be missing. Throws `error`, the failure of the first attempt, if the tag
 * has not moved. */
export async function movedTag(
  request: TagRequest,
  resolved: ResolvedTag,
  error: unknown,
): Promise<ResolvedTag> {
  if (!isMissing(request.source, error)) throw error;
  const moved = await resolveTag(request);
  if (moved.meant.digest === resolved.meant.digest) throw error;
  permitResolved(request, moved);
  return moved;
}

/** Resolves through the tag's Durable Object, which never lags. `freshness` is that of the known mapping. */
async function resolveWithObject(
  request: TagRequest,
  known: TagMapping | undefined,
  freshness: Freshness,
): Promise<FoundTag> {
  const { mapping, how, failure, unknownAge } = await checkWithObject(request, known);
  const unknown = unknownAge && { unknownAge };
  if (failure) return { ...insteadOfCheck(mapping, failure, request.pull.now), ...unknown };
  const label = labelOf(request, mapping, "object");
  const found = { mapping, label, isFromObject: true, ...unknown };
  if (how === "found" || mapping.deleted) return found;
  const fwd = !known ? "uri-miss" : freshness === "stale" ? "stale" : "request";
  const status: CacheStatus = { fwd, collapsed: how === "joined" };
  return { ...found, label: { ...label, status } };
}

function insteadOfCheck(
  mapping: TagMapping,
  failure: Pick<ErrorValue, "message" | "upstreamStatus">,
  now: number,
): FoundTag {
  const label = insteadOf(failure, "serving the tag as of", mapping.checkedAt, now);
  return { mapping, label };
}

/** Asks the tag's Durable Object. If the platform fails, the known mapping is served stale. */
async function checkWithObject(
  request: TagRequest,
  known: TagMapping | undefined,
): Promise<CheckedTag> {
  const { services, source, tag, pull } = request;
  try {
    const doubt = known && isDoubted(source, known) && { gone: known.digest };
    return await services.fills.checkTag(source, tag, { ...askingOf(pull), ...doubt });
  } catch (error) {
    forgetGone(request, error);
    if (!known || error instanceof RegistryError) throw error;
    console.error(`entrepot: tag check failed: ${(error as Error).message}`);
    const failure = new RegistryError("UNAVAILABLE", "the tag could not be checked");
    const { rule } = source;
    if (!mayServeStale(known.checkedAt + rule.tagTtl, rule, failure, pull.now)) throw error;
    return { mapping: known, how: "found", failure: failure.toValue() };
  }
}

/** Forgets a mapping that the upstream no longer has. */
function forgetGone({ services, source, tag, pull }: TagRequest, error: unknown): void {
  if (isUnknown(error)) services.tags.forget(source, tag, pull);
}

function labelOf({ source, pull }: TagRequest, mapping: TagMapping, place: Place): Labelled {
  const age = ageOf(mapping.checkedAt, pull.now);
  if (!mapping.deleted) return { status: { hit: place }, age };
  const { host } = source.rule.upstream;
  const warning = `${host} no longer has this tag; serving the copy kept here`;
  return { status: { instead: 404 }, age, warning };
}

function revalidatingLabel(request: TagRequest, mapping: TagMapping): Labelled {
  const label = labelOf(request, mapping, "object");
  if (mapping.deleted) return label;
  const freshUntil = mapping.checkedAt + request.source.rule.tagTtl;
  return { ...label, status: { passing: ageOf(freshUntil, request.pull.now) } };
}

/** Interval in which this isolate revalidates a tag once in the background, in ms. KV takes seconds to show the result, and until
 * then every request would start another check. */
const BACKGROUND_CHECK_INTERVAL = 5_000;
const backgroundChecks = new Claims(1_000);

/** Revalidates the tag in the background and fetches its manifest if it has moved. */
async function checkInBackground(request: TagRequest): Promise<void> {
  const { services, source, tag, pull } = request;
  if (!backgroundChecks.take(`${sourceKey(source)}:${tag}`, pull.now, BACKGROUND_CHECK_INTERVAL))
    return;
  const asking = { patience: source.rule.firstByteTimeout, background: true };
  try {
    const { mapping, failure } = await services.fills.checkTag(source, tag, asking);
    if (!failure) services.tags.keep(source, tag, mapping, pull);
  } catch (error) {
    forgetGone(request, error);
    // The error is reported to the next request that cannot do without the check.
    console.warn(`entrepot: background tag check failed: ${(error as Error).message}`);
  }
}

/** Minimum interval between reports of the same link to a tag's Durable Object, in ms. */
const PROOF_REPORT_INTERVAL = 10 * 60_000;
const reportedProofs = new Claims(1_000);

/** Reports in the background that the link is proved, so that later pulls by tag need not look it up. */
export function reportProof(
  { services, source, tag, pull }: TagRequest,
  { digest, proved }: TagMapping,
): void {
  if (
    proved ||
    !reportedProofs.take(`${sourceKey(source)}:${tag} ${digest}`, pull.now, PROOF_REPORT_INTERVAL)
  )
    return;
  const reporting = services.fills.tagProved(source, tag, digest).catch((error: Error) => {
    console.warn(`entrepot: reporting a link to a tag's object failed: ${error.message}`);
  });
  pull.later(reporting);
}
