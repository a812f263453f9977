// Image detail: manifests, layers, config, tags and history of one image, and which of its content is cached.

import type { ImageDetailAnswer } from "../../api/images.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { KnownContent } from "../../catalog/query/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import { platformOf } from "../../oci/platform.ts";
import type { DescribedPart } from "../../oci/references.ts";
import type { PullServices } from "../../pull/services.ts";
import { plain } from "../../text/plain.ts";
import { isRecorded } from "../../text/recorded.ts";
import type { Visitor } from "../registry/registry-auth.ts";
import { timeOf } from "../shared/answers.ts";
import { configOf } from "./image-config.ts";
import type { Named } from "./image-named.ts";
import { type ReadManifest, readParts, settled } from "./image-parts.ts";
import { ApiProblem } from "./problem.ts";

/** Maximum number of entries of each list in a config: labels, words of a command. */
const MAX_ENTRIES = 100;
/** Maximum length of each text, in characters. */
const MAX_TEXT = 1_000;
/** Maximum number of digests in one call to the catalog. */
const MAX_DIGESTS = 2_000;

/** Throws `not-cached` (404) when its manifest is not cached. */
export async function detailOf(
  services: PullServices,
  catalog: Catalog,
  { text, source, place, digest }: Named & { digest: Digest },
  visitor: Visitor,
): Promise<ImageDetailAnswer> {
  const visit = { host: visitor.url.host, now: visitor.now, later: visitor.later };
  const [record, own] = await Promise.all([
    catalog.record(place, digest),
    services.manifests.get(digest, visit),
  ]);
  if (!record || !own) throw new ApiProblem("not-cached", `the manifest of ${text} is not cached`);
  const found = await readParts(services, own.value, visit);
  const digests = [
    ...new Set([
      digest,
      ...found.map((one) => one.digest),
      ...found.flatMap(blobsOf).map((one) => one.digest),
    ]),
  ];
  const rows = await catalog.known(digests.slice(0, MAX_DIGESTS));
  const known = knownOf(rows);
  const read = settled(own.value, found, rows);
  const parts = read.flatMap(blobsOf);
  const partAnswer = (part: DescribedPart) => ({
    ...part,
    here: known.get(part.digest)?.present ?? false,
    sharedBy: Math.max(0, (known.get(part.digest)?.parents ?? 1) - 1),
  });
  const sizes = new Map(
    [
      ...parts.map(({ digest: of, size }) => [of, size] as const),
      ...read.map((one) => [one.digest, one.manifest?.bytes.byteLength ?? 0] as const),
      [digest, own.value.bytes.byteLength] as const,
    ].filter(([of]) => known.get(of)?.present),
  );
  const manifests = await Promise.all(
    read.map(async ({ digest: of, platform: named, manifest, config, layers, leftOut }) => {
      const inside = config && (await configOf(services, config, visit));
      const platform = named ?? platformOf(inside ?? {});
      return {
        digest: of,
        mediaType: manifest?.mediaType ?? "",
        ...(platform !== undefined && { platform }),
        here: manifest !== undefined,
        size: manifest?.bytes.byteLength ?? 0,
        ...(config && { config: { ...partAnswer(config), ...(inside && configFields(inside)) } }),
        ...(manifest && { layers: layers.map(partAnswer) }),
        ...(leftOut > 0 && { layersLeftOut: leftOut }),
      };
    }),
  );
  const { cachedAt, pulledAt, unknownSince, tags, history, pins, ...rest } = record;
  return {
    name: text,
    rule: source.rule.name,
    digest,
    mediaType: own.value.mediaType,
    cachedAt: timeOf(cachedAt),
    ...(pulledAt !== undefined && { pulledAt: timeOf(pulledAt) }),
    ...(unknownSince !== undefined && { unknownSince: timeOf(unknownSince) }),
    ...rest,
    manifests,
    size: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    tags: tags.map(({ tag, since }) => ({ tag, since: timeOf(since) })),
    history: history.map(({ since, until, ...move }) => ({
      ...move,
      since: timeOf(since),
      until: timeOf(until),
    })),
    pins: pins.map(({ at, ...pin }) => ({ ...pin, at: timeOf(at) })),
  };
}

function blobsOf({ config, layers }: ReadManifest): DescribedPart[] {
  return [...(config ? [config] : []), ...layers];
}

/** A digest may be known both as a manifest and as a blob: it counts as cached if either is. */
function knownOf(rows: readonly KnownContent[]): Map<Digest, Omit<KnownContent, "kind">> {
  const known = new Map<Digest, Omit<KnownContent, "kind">>();
  for (const { digest, present, parents } of rows) {
    const other = known.get(digest);
    known.set(digest, {
      digest,
      present: present || (other?.present ?? false),
      parents: Math.max(parents, other?.parents ?? 0),
    });
  }
  return known;
}

/** Fields of an image's config. Of its environment only the names: values may be secrets. */
function configFields({ created, os, architecture, config }: Record<string, unknown>): object {
  const given = (typeof config === "object" && config !== null ? config : {}) as Record<
    string,
    unknown
  >;
  const fields = {
    created: dateIn(created),
    os: textIn(os),
    architecture: textIn(architecture),
    entrypoint: textsIn(given.Entrypoint),
    command: textsIn(given.Cmd),
    user: textIn(given.User),
    labels: labelsIn(given.Labels),
    environment: textsIn(given.Env)?.map((one) => one.split("=", 1)[0] as string),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** @returns undefined when the builder recorded no date */
function dateIn(value: unknown): string | undefined {
  const text = textIn(value);
  return text !== undefined && isRecorded(text) ? text : undefined;
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? plain(value, MAX_TEXT) : undefined;
}

function textsIn(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((one) => typeof one === "string");
  return texts.slice(0, MAX_ENTRIES).map((text) => plain(text, MAX_TEXT));
}

function labelsIn(value: unknown): Record<string, string> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const labels = Object.entries(value)
    .filter((entry): entry is [string, string] => typeof entry[1] === "string")
    .slice(0, MAX_ENTRIES)
    .map((entry) => entry.map((text) => plain(text, MAX_TEXT)));
  return labels.length > 0 ? Object.fromEntries(labels) : undefined;
}
