// All that is known of an image: what its manifests say, and what is here of that.

import type { Catalog } from "../catalog/open.ts";
import { describe, platformOf } from "../oci/described.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { parseObject } from "../oci/json.ts";
import { INDEX_TYPES } from "../oci/manifest.ts";
import { type Part, partIn } from "../oci/references.ts";
import type { House } from "../pull/house.ts";
import type { Manifest } from "../store/manifests.ts";
import { plain } from "../text/plain.ts";
import { isRecorded } from "../text/recorded.ts";
import { timeOf } from "./answers.ts";
import type { Visitor } from "./door.ts";
import { configOf } from "./image-config.ts";
import type { Named } from "./image-named.ts";

/** So many manifests of an index are looked into. */
const MOST_MANIFESTS = 40;
/** Layers of a manifest that are told, and entries of its config: labels, words of a command; and of a text so many characters. */
const MOST_LAYERS = 500;
const MOST_ENTRIES = 100;
const LONGEST_TEXT = 1_000;
/** The platform takes this many digests in one question. */
const MOST_ASKED = 2_000;

interface Read {
  digest: Digest;
  platform?: string;
  manifest?: Manifest;
  config?: Part;
  layers: Part[];
  /** Layers that are not told, as there are too many. */
  leftOut: number;
}

/** Throws MANIFEST_UNKNOWN (404) where its manifest is not here. */
export async function detailOf(
  house: House,
  catalog: Catalog,
  { text, source, place, digest }: Named & { digest: Digest },
  visitor: Visitor,
): Promise<object> {
  const visit = { host: visitor.url.host, now: visitor.now, later: visitor.later };
  const [record, own] = await Promise.all([
    catalog.record(place, digest),
    house.manifests.get(digest, visit),
  ]);
  if (!record || !own)
    throw new RegistryError("MANIFEST_UNKNOWN", `the manifest of ${text} is not here`, {
      status: 404,
    });
  const isIndex = INDEX_TYPES.includes(own.value.mediaType);
  const children = isIndex ? describe(own.value.bytes).children.slice(0, MOST_MANIFESTS) : [];
  const read = isIndex
    ? await Promise.all(
        children.map(async (child): Promise<Read> => {
          const found = await house.manifests.get(child.digest, visit);
          return { ...child, ...partsOf(found?.value) };
        }),
      )
    : [{ digest, ...partsOf(own.value) }];
  const parts = read.flatMap(({ config, layers }) => [...(config ? [config] : []), ...layers]);
  const digests = [
    ...new Set([digest, ...read.map((one) => one.digest), ...parts.map((one) => one.digest)]),
  ];
  const known = new Map(
    (await catalog.known(digests.slice(0, MOST_ASKED))).map((one) => [one.digest, one]),
  );
  const toldOf = (part: Part) => ({
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
      const inside = config && (await configOf(house, config, visit));
      const platform = named ?? platformOf(inside ?? {});
      return {
        digest: of,
        mediaType: manifest?.mediaType ?? "",
        ...(platform !== undefined && { platform }),
        here: manifest !== undefined,
        size: manifest?.bytes.byteLength ?? 0,
        ...(config && { config: { ...toldOf(config), ...(inside && configTold(inside)) } }),
        ...(manifest && { layers: layers.map(toldOf) }),
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

function partsOf(manifest: Manifest | undefined): Omit<Read, "digest" | "platform"> {
  if (!manifest) return { layers: [], leftOut: 0 };
  const { config, layers, blobs } = parseObject(manifest.bytes) ?? {};
  const [own] = partIn(config);
  const all = [layers, blobs].flatMap((list) => (Array.isArray(list) ? list : [])).flatMap(partIn);
  const told = all.slice(0, MOST_LAYERS);
  const leftOut = all.length - told.length;
  return { manifest, ...(own && { config: own }), layers: told, leftOut };
}

/** What of an image's config people look for, where it is here. Of its environment the names: values may be secrets. */
function configTold({ created, os, architecture, config }: Record<string, unknown>): object {
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

/** Undefined where the builder has not recorded one. */
function dateIn(value: unknown): string | undefined {
  const text = textIn(value);
  return text !== undefined && isRecorded(text) ? text : undefined;
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? plain(value, LONGEST_TEXT) : undefined;
}

function textsIn(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((one) => typeof one === "string");
  return texts.slice(0, MOST_ENTRIES).map((text) => plain(text, LONGEST_TEXT));
}

function labelsIn(value: unknown): Record<string, string> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const labels = Object.entries(value)
    .filter((entry): entry is [string, string] => typeof entry[1] === "string")
    .slice(0, MOST_ENTRIES)
    .map((entry) => entry.map((text) => plain(text, LONGEST_TEXT)));
  return labels.length > 0 ? Object.fromEntries(labels) : undefined;
}
