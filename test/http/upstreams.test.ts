// How the upstreams stand, as the API tells it.

import { expect, it } from "vitest";
import { ADMIN, bearer } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";

interface Upstream {
  upstream: string;
  rules: string[];
  offline: boolean;
  pauses: { of: string; repository?: string; until: string; why: string }[];
  budget?: { limit: number; remaining: number };
}

async function upstreamsOf(cache: Cache): Promise<Upstream[]> {
  const response = await cache.ask("https://cache.example/api/upstreams", {
    headers: bearer(ADMIN),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { upstreams: Upstream[] }).upstreams;
}

it("lists each upstream once, with its pause, the reason, and the rest of its limit", async () => {
  const [one, two] = [fixture.url("open") + apartPath(), fixture.url("open") + apartPath()];
  const cache = new Cache({
    ADMIN_TOKEN: ADMIN,
    RULES: [
      { prefix: "a", upstream: one },
      { prefix: "b", upstream: one, upstreamPrefix: "team" },
      { prefix: "c", upstream: two, offline: true },
    ],
  });
  expect(await upstreamsOf(cache)).toEqual([
    { upstream: one, credentials: [], rules: ["a", "b"], offline: false, pauses: [] },
    { upstream: two, credentials: [], rules: ["c"], offline: true, pauses: [] },
  ]);
  const name = repository("limited");
  await fixture.image(name, "1");
  const headers = { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "42;w=21600" };
  await fixture.fault({ match: { repository: name }, times: 1, do: { headers } });
  await cache.bytes(`a/${name}/manifests/1`);
  await fixture.fault({
    match: { repository: name },
    times: 0,
    do: { status: 429, headers: { "retry-after": "3600" } },
  });
  expect((await cache.fetch(`a/${name}/manifests/2`)).status).toBe(429);
  const [first] = await upstreamsOf(cache);
  expect(first).toMatchObject({
    pauses: [{ of: "repository", repository: name, why: expect.stringContaining("answered 429") }],
    budget: { limit: 100, remaining: 42 },
  });
  expect(Date.parse(first?.pauses[0]?.until ?? "")).toBeGreaterThan(Date.now());
});

it("lists the paused repository, when there is one", async () => {
  const upstream = fixture.url("open") + apartPath();
  const cache = new Cache({ ADMIN_TOKEN: ADMIN, RULES: [{ prefix: "a", upstream }] });
  const name = repository("broken");
  await fixture.image(name, "1");
  await fixture.fault({ match: { repository: name }, times: 0, do: { status: 500 } });
  for (let at = 0; at < 3; at++)
    expect((await cache.fetch(`a/${name}/manifests/${at}`)).status).toBe(502);
  const [first] = await upstreamsOf(cache);
  expect(first?.pauses).toMatchObject([{ of: "repository", repository: name }]);
});
