// The sweep alone, on a catalog that is filled by the thousand: what it costs, without what deleting in R2 costs beside.

import type { Catalog } from "../../../src/catalog/contract.ts";
import { CatalogObject } from "../../../src/catalog/object.ts";
import { openCatalog } from "../../../src/catalog/open.ts";
import type { RunReport } from "../../../src/catalog/sweep/contract.ts";
import { readConfig } from "../../../src/config/read.ts";
import type { Env } from "../../../src/env.ts";
import { openLifecycle } from "../../../src/lifecycle/open.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import type { Outcome } from "../../../src/platform/rpc.ts";

/** Of each image, and how many of those it shares with others. */
const BLOBS = 10;
const SHARED = 5;
const POOL = 5_000;
const REPOSITORIES = 1_000;
const PAGE = 1_000;
const DAY = 24 * 60 * 60_000;
/** Half of the images were pulled last so long ago. */
const OLD = 100 * DAY;
const T0 = Date.parse("2026-01-01");

function digest(kind: number, number: number): Digest {
  return `sha256:${kind}${number.toString(16).padStart(63, "0")}`;
}

function blobsOf(image: number): Digest[] {
  return Array.from({ length: BLOBS }, (_, at) =>
    at < SHARED ? digest(1, (image * 7 + at * 13) % POOL) : digest(2, image * SHARED + at - SHARED),
  );
}

export class SeededCatalog extends CatalogObject {
  async seed(from: number, to: number): Promise<Outcome<undefined>> {
    for (let image = from; image < to; image++) {
      const at = image % 2 === 0 ? T0 - OLD : T0;
      const place = `registry.example//team/app-${image % REPOSITORIES}`;
      const blobs = blobsOf(image);
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const fact = { digest: digest(0, image), place, mediaType, size: 1000, children: [], blobs };
      await this.tellManifest({ ...fact, cachedAt: at });
      const tag = { place, tag: `v${image}`, digest: fact.digest, at, gone: false };
      await this.tellTag(tag);
      for (const one of blobs) {
        const layout = { size: 1_000_000, attempt: "whole", generation: "g" };
        await this.tellBlob({ digest: one, ...layout, cachedAt: at });
      }
    }
    return { value: undefined };
  }
}

interface Bindings {
  CATALOG: DurableObjectNamespace<SeededCatalog>;
}

/** The stores as they would be listed: so that the pass over R2 finds all that the catalog knows. */
function inventoryOf(images: number) {
  const page = <T>(after: string, all: number, item: (number: number) => T) => {
    const from = after === "" ? 0 : Number(after);
    const to = Math.min(from + PAGE, all);
    const items = Array.from({ length: to - from }, (_, at) => item(from + at));
    return { items, next: to < all ? String(to) : undefined };
  };
  const unique = images * SHARED;
  const blob = (number: number) =>
    digest(number < POOL ? 1 : 2, number < POOL ? number : number - POOL);
  return {
    manifests: async (after: string) => {
      const { items, next } = page(after, images, (number) => digest(0, number));
      return {
        items,
        next,
        from: after === "" ? "" : digest(0, Number(after) - 1),
        upTo: next && items.at(-1),
      };
    },
    tags: async () => ({ items: [], next: undefined, from: "z", upTo: "z" }),
    blobs: async (after: string) => {
      const { items, next } = page(after, POOL + unique, (number) => ({
        digest: blob(number),
        size: 1_000_000,
        attempt: "whole",
        generation: "g",
        publishedAt: 0,
      }));
      const from = after === "" ? "" : blob(Number(after) - 1);
      return { items, segments: [], next, from, upTo: next && items.at(-1)?.digest };
    },
  };
}

/** Of the sweep that was begun last; undefined while it is at work. */
let result: { report: RunReport | undefined } | undefined;

export default {
  async fetch(request, env, context) {
    const url = new URL(request.url);
    const number = (name: string) => Number(url.searchParams.get(name));
    const catalog: Catalog = openCatalog(env as unknown as Env);
    if (url.pathname === "/seed") {
      const stub = env.CATALOG.get(env.CATALOG.idFromName("catalog"));
      await stub.seed(number("from"), number("to"));
      return new Response();
    }
    // Asked again and again: a local server answers nothing that takes longer than five minutes.
    if (url.pathname === "/swept")
      return result ? Response.json(result.report) : new Response(null, { status: 204 });
    if (url.pathname !== "/sweep") return new Response("ready");
    const removed = async () => ({ outcome: "gone" as const, found: true });
    const lifecycle = openLifecycle({
      catalog,
      fills: {
        removeTag: async () => "gone",
        removeManifest: removed,
        removeBlob: removed,
        removeAttempt: async () => 0,
        restoreTag: async () => {},
      },
      inventory: inventoryOf(number("images")),
      manifests: { getStored: async () => undefined },
      upstream: { headManifest: async () => new Headers(), manifest: async () => Promise.reject() },
      config: readConfig({ RULES: [{ prefix: "r", upstream: "registry.example" }] }),
    });
    const asked = { trigger: "request", force: false } as const;
    result = undefined;
    const swept = lifecycle.sweep(asked, T0 + number("days") * DAY);
    const keep = (report: RunReport | undefined) => {
      result = { report };
    };
    context.waitUntil(swept.then(keep));
    return new Response();
  },
} satisfies ExportedHandler<Bindings>;
