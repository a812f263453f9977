// What explain answers, for its suites.

import { expect } from "vitest";
import { ADMIN, bearer } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";

export const HOUR = 60 * 60_000;

export interface Story {
  reference: string;
  status: number;
  steps: { about: string; mark: string; text: string }[];
}

export async function ask(cache: Cache, reference: string, more: Record<string, string> = {}) {
  const query = new URLSearchParams({ reference, ...more });
  return cache.ask(`https://cache.example/api/explain?${query}`, { headers: bearer(ADMIN) });
}

export async function explain(cache: Cache, reference: string, more: Record<string, string> = {}) {
  const response = await ask(cache, reference, more);
  expect(response.status).toBe(200);
  const story = (await response.json()) as Story;
  const text = (about: string) =>
    story.steps
      .filter((step) => step.about === about)
      .map((step) => step.text)
      .join("; ");
  return { ...story, text };
}

/** A cache in front of an upstream of its own. */
export function cacheOf(fields: object = {}, overrides: Record<string, unknown> = {}): Cache {
  const upstream = fixture.url("open") + apartPath();
  const RULES = [{ prefix: "up", upstream, ...fields }];
  return new Cache({ RULES, ADMIN_TOKEN: ADMIN, ...overrides });
}

export async function image(hint: string, options = {}) {
  const name = repository(hint);
  return { name, image: await fixture.image(name, "1", options) };
}

/** What is explained, and then what comes of it. */
export async function expectAsTold(
  cache: Cache,
  reference: string,
  path: string,
  status: number,
  next: RegExp,
) {
  const story = await explain(cache, reference);
  expect([story.text("next"), story.status]).toEqual([expect.stringMatching(next), status]);
  const response = await cache.fetch(path);
  expect([path, response.status]).toEqual([path, status]);
  await response.arrayBuffer();
  await cache.settled();
  return story;
}
