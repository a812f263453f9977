// What an index or a manifest names, of any kind, and how it is named: the sweep keeps it with what names it, sizes and `here` count it,
// prewarming fetches it, and all of it goes together.

import { beforeEach, describe, expect, it } from "vitest";
import { api, shut, shutCache } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { type BlobInfo, type ManifestInfo, seedOf, TYPES } from "../support/fixture.ts";
import { catalog, clean, DAY, HOUR, isStored } from "../support/lifecycle.ts";
import { eventually } from "../support/waiting.ts";

const OPEN = JSON.stringify({ mode: "open", acknowledgeOpen: true });
const CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0";
const MANIFEST = TYPES.oci.manifest;
const AMD64 = { os: "linux", architecture: "amd64" };

beforeEach(clean);

function own() {
  const rule = `kinds-${crypto.randomUUID().slice(0, 6)}`;
  const RULES = [{ prefix: rule, upstream: fixture.url("open") + apartPath() }];
  return { rule, cache: new Cache({ ...shut(), AUTH: OPEN, RULES }) };
}

/** What is tagged 1 there, and all that it leads to; `absent`: named, and not at the registry. */
interface Made {
  root: ManifestInfo;
  manifests: ManifestInfo[];
  blobs: BlobInfo[];
  absent?: BlobInfo[];
  /** Of linux/amd64: neither wanted by prewarming for it, nor fetched. */
  unwanted?: number;
}

const index = (name: string, manifests: object[], tag?: string, more: object = {}) =>
  fixture.manifest(
    name,
    { schemaVersion: 2, mediaType: TYPES.oci.index, manifests, ...more },
    { tag },
  );
const image = (name: string, body: object, tag?: string) =>
  fixture.manifest(name, { schemaVersion: 2, mediaType: MANIFEST, ...body }, { tag });
const named = (mediaType: string | undefined, { digest, size }: BlobInfo, more: object = {}) => ({
  ...(mediaType !== undefined && { mediaType }),
  digest,
  size,
  ...more,
});
const layer = (name: string, at: number, size = 2_000 + at) =>
  fixture.blob(name, { seed: seedOf(`${name}#${at}`), size });
const json = (name: string, body: object) => fixture.blob(name, JSON.stringify(body));

async function simple(name: string, seed: string, platform = AMD64) {
  const made = await fixture.image(name, undefined, { seed: `${name}${seed}`, platform });
  return { ...made, blobs: [made.config, ...made.layers] };
}

const SHAPES: [string, (name: string) => Promise<Made>][] = [
  [
    "BuildKit's cache: an index of layers and a cacheconfig",
    async (name) => {
      const layers = await Promise.all([0, 1].map((at) => layer(name, at)));
      const config = await json(name, { layers: [{ blob: layers[0]?.digest }], records: [name] });
      const root = await index(
        name,
        [...layers.map((one) => named(`${TYPES.docker.layer}`, one)), named(CACHE_CONFIG, config)],
        "1",
      );
      return { root, manifests: [], blobs: [...layers, config] };
    },
  ],
  [
    "the same by an image manifest (image-manifest=true), with zstd",
    async (name) => {
      const layers = await Promise.all([0, 1].map((at) => layer(name, at)));
      const config = await json(name, { layers: [], records: [name] });
      const type = "application/vnd.oci.image.layer.v1.tar+zstd";
      const root = await image(
        name,
        { config: named(CACHE_CONFIG, config), layers: layers.map((one) => named(type, one)) },
        "1",
      );
      return { root, manifests: [], blobs: [...layers, config] };
    },
  ],
  [
    "a mixed index: an image, a layer, an attestation",
    async (name) => {
      const amd = await simple(name, "amd");
      const one = await layer(name, 7);
      const statement = await json(name, { _type: "https://in-toto.io/Statement/v0.1", name });
      const config = await json(name, { os: "unknown", architecture: "unknown", name });
      const attestation = await image(name, {
        config: named(TYPES.oci.config, config),
        layers: [named("application/vnd.in-toto+json", statement)],
      });
      const root = await index(
        name,
        [
          named(MANIFEST, amd, { platform: AMD64 }),
          named(TYPES.oci.layer, one),
          named(MANIFEST, attestation, {
            platform: { os: "unknown", architecture: "unknown" },
            annotations: { "vnd.docker.reference.digest": amd.digest },
          }),
        ],
        "1",
      );
      const blobs = [...amd.blobs, one, config, statement];
      return { root, manifests: [amd, attestation], blobs, unwanted: 2 };
    },
  ],
  [
    "an index in an index, with a layer in the inner one",
    async (name) => {
      const amd = await simple(name, "amd");
      const arm = await simple(name, "arm", { os: "linux", architecture: "arm64" });
      const one = await layer(name, 7);
      const inner = await index(name, [
        named(MANIFEST, amd, { platform: AMD64 }),
        named(MANIFEST, arm, { platform: arm.platform }),
        named("Application/vnd.oci.image.layer.v1.tar+GZIP; x=y", one),
      ]);
      const root = await index(name, [named(TYPES.oci.index, inner)], "1");
      const blobs = [...amd.blobs, ...arm.blobs, one];
      return { root, manifests: [inner, amd, arm], blobs, unwanted: 2 };
    },
  ],
  [
    "media types that tell nothing: none, a vendor's",
    async (name) => {
      const amd = await simple(name, "amd");
      const odd = await image(name, {
        mediaType: "application/vnd.acme.thing.v1+json",
        config: named("application/vnd.acme.config", await json(name, { name })),
        layers: [],
      });
      const layers = await Promise.all([0, 1].map((at) => layer(name, at)));
      const root = await index(
        name,
        [
          named(undefined, amd),
          named(undefined, layers[0] as BlobInfo),
          named("application/vnd.acme.thing.v1+json", odd),
          named("application/vnd.acme.blob.v1+json", layers[1] as BlobInfo),
        ],
        "1",
      );
      const config = JSON.parse(new TextDecoder().decode(odd.bytes)).config as BlobInfo;
      return { root, manifests: [amd, odd], blobs: [...amd.blobs, ...layers, config] };
    },
  ],
  [
    "a layer that is a manifest by its media type",
    async (name) => {
      const amd = await simple(name, "amd");
      const config = await json(name, { name });
      const root = await image(
        name,
        {
          artifactType: "application/vnd.acme.bundle",
          config: named("application/vnd.oci.empty.v1+json", config),
          layers: [named(MANIFEST, amd)],
        },
        "1",
      );
      return { root, manifests: [amd], blobs: [...amd.blobs, config] };
    },
  ],
  ...(
    [
      [
        "helm",
        "application/vnd.cncf.helm.config.v1+json",
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
      ],
      [
        "cosign",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.dev.cosign.simplesigning.v1+json",
      ],
      [
        "a cosign bundle",
        "application/vnd.oci.empty.v1+json",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
      ],
      ["wasm", "application/vnd.wasm.config.v0+json", "application/wasm"],
    ] as const
  ).map(([what, configType, type]): [string, (name: string) => Promise<Made>] => [
    `an artifact: ${what}`,
    async (name) => {
      const blobs = [await json(name, { what, name }), await layer(name, 0)] as const;
      const root = await image(
        name,
        { config: named(configType, blobs[0]), layers: [named(type, blobs[1])] },
        "1",
      );
      return { root, manifests: [], blobs: [...blobs] };
    },
  ]),
  [
    "an index of artifacts without platforms",
    async (name) => {
      const config = await json(name, { name });
      const chart = await image(name, {
        config: named("application/vnd.cncf.helm.config.v1+json", config),
        layers: [],
      });
      const root = await index(name, [named(MANIFEST, chart)], "1");
      return { root, manifests: [chart], blobs: [config] };
    },
  ],
  [
    "foreign layers that the registry has not, in an image and in an index",
    async (name) => {
      const amd = await simple(name, "amd");
      const types = [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        TYPES.docker.layer,
      ];
      const absent = types.map((_, at) => ({
        digest: `sha256:${seedOf(`${name}${at}`).toString(16).padStart(64, "0")}`,
        size: 1_000_000 + at,
      }));
      const urls = { urls: [`${fixture.url("cdn")}/foreign/${name}`] };
      const own = await layer(name, 0);
      const other = await image(name, {
        config: named(TYPES.docker.config, amd.config),
        layers: [
          ...absent.map((one, at) => named(types[at], one, at === 1 ? {} : urls)),
          named(TYPES.docker.layer, own),
        ],
      });
      const root = await index(
        name,
        [
          named(MANIFEST, amd, { platform: AMD64 }),
          named(MANIFEST, other, { platform: AMD64 }),
          named(types[0], absent[0] as BlobInfo, urls),
        ],
        "1",
      );
      return { root, manifests: [amd, other], blobs: [...amd.blobs, own], absent };
    },
  ],
];

const all = ({ root, manifests, blobs }: Made) => [root, ...manifests, ...blobs];
const sumOf = (of: readonly BlobInfo[]) =>
  [...new Map(of.map(({ digest, size }) => [digest, size])).values()].reduce((a, b) => a + b, 0);

async function storedOf(made: Made): Promise<boolean[]> {
  return Promise.all(all(made).map(isStored));
}

describe.each(SHAPES)("%s", (_, make) => {
  it.each([
    ["the blobs after what names them", false],
    ["the blobs before", true],
  ])("is kept as long as it is held, and then goes: %s", async (_order, before) => {
    const { rule, cache } = own();
    const name = repository("kept");
    const made = await make(name);
    const blobs = async () => {
      for (const { digest } of made.blobs) await cache.bytes(`${rule}/${name}/blobs/${digest}`);
      for (const { digest } of made.absent ?? []) {
        const answer = await cache.fetch(`${rule}/${name}/blobs/${digest}`);
        expect([answer.status, await answer.json()]).toMatchObject([
          404,
          { errors: [{ code: "BLOB_UNKNOWN" }] },
        ]);
      }
    };
    if (before) await blobs();
    await cache.bytes(`${rule}/${name}/manifests/1`);
    for (const { digest } of made.manifests)
      await cache.bytes(`${rule}/${name}/manifests/${digest}`);
    if (!before) await blobs();
    await cache.settled();
    await eventually(async () => expect(await storedOf(made)).not.toContain(false));
    const now = Date.now();
    for (const at of [HOUR, 26 * HOUR, 2 * DAY, 5 * DAY]) await cache.sweep(now + at);
    expect(await storedOf(made)).not.toContain(false);
    // Sizes and `here`, in the list, of policies, and in the detail.
    const { images } = (await (await api(cache, "GET", `images?q=${name}`)).json()) as {
      images: { digest: string; size: number; platforms: string[] }[];
    };
    const size = sumOf(all(made));
    expect(images).toMatchObject([{ digest: made.root.digest, size }]);
    expect(images[0]?.platforms).not.toContain("unknown/unknown");
    const place = (await catalog.places("", 100))[0] as string;
    expect(await catalog.images(place, true, "", 100)).toMatchObject([{ size }]);
    const reference = encodeURIComponent(`${rule}/${name}:1`);
    const detail = (await (
      await api(cache, "GET", `images/detail?reference=${reference}`)
    ).json()) as {
      size: number;
      manifests: {
        digest: string;
        here: boolean;
        config?: { digest: string; here: boolean };
        layers?: { digest: string; here: boolean }[];
      }[];
    };
    const parts = detail.manifests.flatMap(({ config, layers = [] }) => [
      ...(config ? [config] : []),
      ...layers,
    ]);
    const absent = new Set(made.absent?.map(({ digest }) => digest));
    expect(detail.size).toBe(size);
    expect(detail.manifests.filter(({ here }) => !here)).toEqual([]);
    expect(parts.filter(({ digest, here }) => here === absent.has(digest))).toEqual([]);
    expect(new Set(parts.map(({ digest }) => digest))).toEqual(
      new Set([...made.blobs, ...(made.absent ?? [])].map(({ digest }) => digest)),
    );
    const explained = (await (
      await api(cache, "GET", `explain?reference=${reference}`)
    ).json()) as { steps: { about: string; mark: string; text: string }[] };
    const content = explained.steps.filter(({ about }) => about === "content");
    expect(content).toMatchObject([{ mark: "good" }]);
    expect(content[0]?.text).not.toMatch(/not cached|\d+ of its/);
    // When nothing holds it any more, all of it goes.
    for (const at of [200, 202, 204, 206]) await cache.sweep(now + at * DAY);
    expect(await storedOf(made)).not.toContain(true);
  });

  it("is prewarmed whole, each part by its endpoint, and then a pull asks nobody", async () => {
    const rule = "open"; // the rules of the object that prewarms are the test run's
    const [cache, client] = [shutCache(), new Cache()];
    const name = repository("warmed");
    const made = await make(name);
    for (const [platforms, left] of [
      [["linux/amd64"], made.unwanted ?? 0],
      [["all"], 0],
    ] as const) {
      const references = [`${rule}/${name}:1`];
      const response = await api(cache, "POST", "prewarm", { references, platforms });
      const { id } = (await response.json()) as { id: string };
      const job = await eventually(async () => {
        const told = (await (await api(cache, "GET", `prewarm/${id}`)).json()) as {
          state: string;
          layers: { total: number; done: number };
          bytes: { total: number; done: number };
          items: { note?: string; error?: string }[];
        };
        expect([told.state, told.items]).toMatchObject(["done", [{ state: "done" }]]);
        return told;
      });
      const count = new Set(made.blobs.map(({ digest }) => digest)).size - left;
      expect(job.layers).toEqual({ total: count, done: count });
      expect(job.bytes.done).toBe(job.bytes.total);
      expect(job.items[0]).not.toHaveProperty("note");
      if (left === 0) expect(job.bytes.total).toBe(sumOf(made.blobs));
    }
    expect(await storedOf(made)).not.toContain(false);
    const requests = await fixture.requests({ repository: name });
    const failed = requests.filter(({ status }) => status >= 400);
    const isTried = ({ mediaType }: { mediaType?: string }) =>
      mediaType === undefined || mediaType.startsWith("application/vnd.acme.");
    const { manifests = [] } = JSON.parse(new TextDecoder().decode(made.root.bytes)) as {
      manifests?: { digest: string; mediaType?: string }[];
    };
    // Only what no media type tells was tried as a manifest; foreign layers were not asked for.
    const blobs = new Set(made.blobs.map(({ digest }) => digest));
    const tried = manifests.filter((one) => isTried(one) && blobs.has(one.digest));
    expect(new Set(failed.map(({ path }) => path))).toEqual(
      new Set(
        tried.map(({ digest }) => `${failed[0]?.path.split("/manifests/")[0]}/manifests/${digest}`),
      ),
    );
    const ofCdn = await fixture.requests({ server: "cdn" });
    expect(ofCdn.filter(({ path }) => path.includes(name))).toEqual([]);
    for (const { digest } of made.manifests)
      await client.bytes(`${rule}/${name}/manifests/${digest}`);
    for (const { digest } of made.blobs) await client.bytes(`${rule}/${name}/blobs/${digest}`);
    expect(await fixture.requests({ repository: name })).toHaveLength(requests.length);
  });
});
