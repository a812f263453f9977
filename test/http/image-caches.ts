// Caches with images of their own, and the list of these by the API.

import { api, shut } from "../support/access.ts";
import { apartPath, Cache, fixture } from "../support/cache.ts";
import type { Image } from "../support/fixture.ts";
import { pullWhole } from "../support/lifecycle.ts";

export const DAY = 24 * 60 * 60_000;
export const OPEN = JSON.stringify({ mode: "open", acknowledgeOpen: true });

export interface Told {
  name: string;
  digest: string;
  tags: string[];
  platforms: string[];
  size: number;
  pulls: number;
  pinned: boolean;
}

/** A cache of its own rule. */
export function own(fields: object = {}) {
  const rule = `images-${crypto.randomUUID().slice(0, 6)}`;
  const upstream = fixture.url("open") + apartPath();
  const RULES = [{ prefix: rule, upstream, ...fields }];
  return { rule, cache: new Cache({ ...shut(), AUTH: OPEN, RULES }) };
}

export const imagesOf = async (
  cache: Cache,
  query: string,
): Promise<{ images: Told[]; next?: string }> =>
  (await api(cache, "GET", `images?${query}`)).json();

export async function pulled(cache: Cache, rule: string, name: string, tag: string, image: Image) {
  await pullWhole(cache, `${rule}/${name}`, tag, image);
  await cache.settled();
}
