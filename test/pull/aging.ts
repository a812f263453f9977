// Tags that move under a minimum age, for the suites of age.

import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { openCatalog } from "../../src/catalog/open.ts";
import type { Env } from "../../src/env.ts";
import type { Source } from "../../src/policy/source.ts";
import { ruleOf } from "../config/rules.ts";
import { apartPath, type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import type { Image, ManifestInfo } from "../support/fixture.ts";

export const bindings = env as unknown as Env;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const catalog = openCatalog(bindings);

export const AGE = { minimumAge: "3h", minimumAgeFirst: "serve", tagTtl: "30m" };

export async function ask(cache: Cache, path: string, init: RequestInit = {}) {
  const response = await cache.fetch(`open/${path}`, init);
  await response.arrayBuffer();
  const { headers, status } = response;
  return {
    status,
    digest: headers.get("docker-content-digest"),
    until: headers.get("entrepot-held-until"),
    warning: headers.get("warning"),
  };
}

export const digestAt = async (cache: Cache, path: string) => (await ask(cache, path)).digest;

export const asked = async (name: string) =>
  (await fixture.requests({ repository: name })).map(
    ({ method, reference }) => `${method} ${reference}`,
  );

/** A rule's source, as the cache under test has it. */
export function sourceAt(path: string, name: string, fields: object): Source {
  const upstream = fixture.url("open") + path;
  return { rule: ruleOf({ prefix: "open", upstream, ...fields }), repository: name };
}

/** A tag that is old enough, whose upstream then moves it to a digest that has just been seen. */
export async function moved(hint: string, fields: object = {}, overrides: object = {}) {
  const name = repository(hint);
  const path = apartPath();
  const cache = cacheApart({ ...AGE, ...fields }, { ...overrides }, path);
  const tag = `${name}/manifests/1`;
  const old = await fixture.image(name, "1");
  expect(await digestAt(cache, tag)).toBe(old.digest);
  later(4 * HOUR);
  expect(await digestAt(cache, tag)).toBe(old.digest);
  const young = await push(name, "young");
  later(HOUR);
  const seenAt = Date.now();
  expect(await digestAt(cache, tag)).toBe(old.digest);
  return { name, path, cache, tag, old, young, seenAt, fields: { ...AGE, ...fields } };
}

export const push = (name: string, seed: string, tag = "1") =>
  fixture.image(name, tag, { seed: `${name}-${seed}` });

export async function retag(name: string, image: ManifestInfo, tag = "1"): Promise<void> {
  await fixture.manifest(name, image.bytes, { tag });
}

export async function removeAll(name: string, { digest, config, layers }: Image) {
  for (const one of [digest, config.digest, ...layers.map((layer) => layer.digest)])
    await fixture.remove(name, one);
}
