// Warming of one image: resolves its tag, fetches its manifests and waits for its blobs. Every step is idempotent and resumes
// after interruption. The fills do the work and are shared with clients.

import type { Config } from "../config/read.ts";
import type { Fills } from "../fill/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { within } from "../platform/deadline.ts";
import { globMatcher } from "../policy/glob.ts";
import { routeFull, usableSourceOf } from "../policy/route.ts";
import type { Source } from "../policy/source.ts";
import { limited } from "../policy/steps.ts";
import type { Allowances } from "../policy/trust.ts";
import { bringReferrers } from "../pull/bring-referrers.ts";
import { permitMeant, permitName, permitTag } from "../pull/permit.ts";
import type { Manifest } from "../store/manifests.ts";
import { SEGMENT } from "../store/segments.ts";
import { unasked } from "../upstream/client/offline.ts";
import {
  type Blob,
  blobsIn,
  childrenFor,
  maybeBlobsIn,
  namesPlatforms,
  newestOf,
  partsOf,
} from "./contents.ts";

/** Maximum depth of nested indexes, and maximum number of tag list pages read. */
const MAX_INDEX_DEPTH = 3;
const MAX_TAG_PAGES = 50;
/** Maximum number of manifests and blobs per image. Attack: an index that names one index many times would otherwise fetch all
 * of it in the name of one image. */
const MAX_MANIFESTS = 500;
const MAX_BLOBS = 20_000;
/** Maximum number of matching steps (policy/steps) over a repository's tags: an upstream may list millions. */
const MAX_MATCHING_STEPS = 250_000_000;
/** Interval between progress checks of a large blob, in ms. */
const POLL_INTERVAL = 2_000;

export interface Contents {
  digest: Digest;
  blobs: Blob[];
  /** A remark, such as missing platforms. */
  note?: string;
}

export interface WarmingContext {
  config: Config;
  fills: Fills;
  /** Digests in quarantine, with the reason. */
  quarantined: ReadonlyMap<string, string>;
  /** Digests that pass the checks of trust (break-glass). */
  allowances?: Allowances;
}

export interface WarmingTarget {
  source: Source;
  reference: Reference;
}

/** The source of an image. Throws the errors a client would get: NAME_UNKNOWN (404), DENIED (403), and UNKNOWN (500) for a
 * rule that cannot be used. */
export function targetOf({ config }: WarmingContext, text: string): WarmingTarget {
  const reference = parseReference(text, "");
  const source = sourceFor(config, reference.name);
  if (reference.tag === undefined) permitName(source);
  else permitTag(source, reference.tag);
  return { source, reference };
}

function sourceFor({ rules }: Config, name: string): Source {
  const routed = routeFull(rules, name);
  if (!routed) throw new RegistryError("NAME_UNKNOWN", `there is no rule for the name "${name}"`);
  const source = usableSourceOf(routed);
  if (source.rule.offline) {
    const { code, message } = unasked(source.rule);
    throw new RegistryError(code, message, { status: 404 });
  }
  return source;
}

interface ContentOptions {
  platforms: readonly string[];
  /** Whether to fetch the manifests' referrers too; undefined as the rule says. */
  referrers?: boolean;
}

/** Checks the tag upstream and fetches the manifests. */
export async function contentsOf(
  context: WarmingContext,
  { source, reference }: WarmingTarget,
  { platforms, referrers = source.rule.referrers }: ContentOptions,
): Promise<Contents> {
  const digest = reference.digest ?? (await resolveTag(context, source, reference.tag as string));
  const blobs = new Map<Digest, Blob>();
  const found = new Set<string>();
  let isPlatformNamed = false;
  const collected = new Set<Digest>();
  const add = (blob: Blob) => {
    blobs.set(blob.digest, blob);
    if (blobs.size > MAX_BLOBS) throw excessive(`${MAX_BLOBS} blobs`);
  };
  const collect = async (one: Digest, depth: number, maybe?: Blob): Promise<void> => {
    if (collected.has(one)) return;
    collected.add(one);
    if (collected.size > MAX_MANIFESTS) throw excessive(`${MAX_MANIFESTS} manifests`);
    permitMeant(source, one, context);
    const manifest = await manifestOf(context, source, one, maybe !== undefined);
    if (!manifest) return maybe && add(maybe);
    if (referrers) await bringReferrers({ fills: context.fills, source, digest: one });
    const parts = partsOf(manifest.bytes);
    for (const blob of blobsIn(parts, platforms)) add(blob);
    const { children, missing } = childrenFor(parts, platforms);
    if (namesPlatforms(parts)) {
      isPlatformNamed = true;
      for (const platform of platforms) if (!missing.includes(platform)) found.add(platform);
    }
    if (depth >= MAX_INDEX_DEPTH) return;
    const maybes = maybeBlobsIn(parts);
    for (const child of children) await collect(child, depth + 1, maybes.get(child));
  };
  await collect(digest, 0);
  const missing = isPlatformNamed ? platforms.filter((one) => !found.has(one)) : [];
  if (missing.length > 0 && found.size === 0 && blobs.size === 0)
    throw new RegistryError("MANIFEST_UNKNOWN", `no manifest for ${platforms.join(", ")}`);
  return {
    digest,
    blobs: [...blobs.values()],
    ...(missing.length > 0 && { note: `no manifest for ${missing.join(", ")}` }),
  };
}

/** Fetches a manifest. `mayBeBlob`: its descriptor does not say that it is a manifest, and undefined is returned if the
 * upstream has no valid manifest of that digest. */
async function manifestOf(
  { fills }: WarmingContext,
  source: Source,
  digest: Digest,
  mayBeBlob: boolean,
): Promise<Manifest | undefined> {
  try {
    const asking = { ...askingFor(source), named: true };
    return (await fills.joinManifest(digest, source, asking)).manifest;
  } catch (error) {
    if (mayBeBlob && error instanceof RegistryError && isNotManifest(error)) return undefined;
    throw error;
  }
}

function isNotManifest({ code, status }: RegistryError): boolean {
  return (
    [400, 404, 405, 406, 415].includes(status) ||
    ["MANIFEST_INVALID", "SIZE_INVALID"].includes(code)
  );
}

/** 403, because a retry would end the same way. */
function excessive(what: string): RegistryError {
  const message = `the image has more than ${what}: prewarm its manifests separately, by digest`;
  return new RegistryError("MANIFEST_INVALID", message, { status: 403 });
}

async function resolveTag({ fills }: WarmingContext, source: Source, tag: string): Promise<Digest> {
  const asking = { ...askingFor(source), force: true };
  const { mapping, failure } = await fills.checkTag(source, tag, asking);
  if (failure) throw new RegistryError(failure.code, failure.message, failure);
  return mapping.digest;
}

/** Waits for a blob until the given time, in ms since the epoch. `had` receives the bytes stored so far. Returns whether the
 * whole blob is stored. */
export async function blobOf(
  { fills }: WarmingContext,
  { source, digest }: { source: Source; digest: Digest },
  until: number,
  had: (bytes: number) => void,
): Promise<boolean> {
  const joined = await fills.joinBlob(digest, source, askingFor(source));
  if (joined.state === "published") return true;
  const { attempt } = joined;
  const whole = fills.waitFor(digest, source, attempt, 0, true).then(() => true);
  whole.catch(() => {}); // awaited below, or no longer relevant
  while (Date.now() < until) {
    const pause = Math.min(POLL_INTERVAL, until - Date.now());
    const isWhole = await within(whole, pause, () => new NotFinished()).catch((error) => {
      if (error instanceof NotFinished) return false;
      throw error;
    });
    if (isWhole) return true;
    const { segments, layout } = await fills.waitFor(digest, source, attempt, 0, false);
    if (layout) return true;
    had(segments.length * SEGMENT);
  }
  return false;
}

class NotFinished extends Error {}

/** Full references of a repository's newest tags. `text` is name:glob. */
export async function newestTags(
  context: WarmingContext,
  text: string,
  count: number,
): Promise<string[]> {
  const colon = text.lastIndexOf(":");
  const [name, glob] = [text.slice(0, colon), text.slice(colon + 1)];
  const source = sourceFor(context.config, name);
  permitName(source);
  const tags: string[] = [];
  let query: string | undefined = "";
  for (let pages = 0; query !== undefined && pages < MAX_TAG_PAGES; pages++) {
    const list = { list: "tags", query };
    const asking = { ...askingFor(source), force: true };
    const { page, failure } = await context.fills.list(source, list, asking);
    if (failure) throw new RegistryError(failure.code, failure.message, failure);
    tags.push(...(page.entries as string[]));
    query = page.next;
  }
  const matching = limited({ left: MAX_MATCHING_STEPS }, () => tags.filter(globMatcher(glob)));
  return newestOf(matching, count).map((tag) => `${name}:${tag}`);
}

function askingFor({ rule }: Source) {
  return { patience: rule.firstByteTimeout, background: true };
}
