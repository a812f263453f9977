// The attack: an upstream whose path is written like another one's key. A rule of the API, without credentials and open to all, would
// then share what a rule with credentials has cached: its upstream is never asked.

import { describe, expect, it } from "vitest";
import { ruleSchema } from "../../src/config/rule.ts";
import { originOf, originParts } from "../../src/policy/source.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";

/** As rules write them: an upstream, and its credentials. */
const UPSTREAMS: [string, string[]][] = [
  ["https://h.example", []],
  ["https://h.example", ["KEY"]],
  ["https://h.example/a", []],
  ["https://h.example/a", ["KEY"]],
  ["https://h.example/a", ["KEY", "OTHER"]],
  ["https://h.example/a~", []],
  ["https://h.example/a~", ["KEY"]],
  ["https://h.example/a~~", []],
  ["https://h.example/a~KEY", []],
  ["https://h.example/a~KEY~", []],
  ["https://h.example/a~KEY", ["KEY"]],
  ["https://h.example/a~KEY,OTHER", []],
  ["https://h.example/a~KEY~KEY", []],
  ["https://h.example/a%7EKEY", []],
];

const parsed = UPSTREAMS.map(([upstream, credentials]) =>
  ruleSchema.parse({
    prefix: "one-rule",
    upstream,
    ...(credentials.length > 0 && { credentials }),
  }),
);

describe("an origin", () => {
  it("is one upstream's with one list of credentials, and no other's", () => {
    expect(new Set(parsed.map(originOf)).size).toBe(UPSTREAMS.length);
  });

  it("falls into those again", () => {
    for (const rule of parsed)
      expect(originParts(originOf(rule))).toEqual({
        upstream: rule.upstream.base.slice("https://".length),
        credentials: rule.credentials.join(","),
      });
  });

  it("is as it was stored before, where nothing is told apart by more", () => {
    expect(parsed.slice(0, 5).map(originOf)).toEqual([
      "h.example",
      "h.example~KEY",
      "h.example/a",
      "h.example/a~KEY",
      "h.example/a~KEY,OTHER",
    ]);
  });
});

it("what was pulled with credentials is not served by a rule whose path names them", async () => {
  const upstream = fixture.url("basic") + apartPath();
  const cache = new Cache({
    RULES: [
      { prefix: "private", upstream, credentials: "ROBOT" },
      { prefix: "evil", upstream: `${upstream}~ROBOT`, anonymous: true },
    ],
  });
  const name = repository("origin");
  const image = await fixture.image(name, "1");
  const paths = ["manifests/1", `manifests/${image.digest}`, `blobs/${image.config.digest}`];
  for (const path of paths) await cache.bytes(`private/${name}/${path}`);
  await cache.settled();
  for (const path of [...paths, "tags/list"]) {
    const response = await cache.fetch(`evil/${name}/${path}`);
    await response.body?.cancel();
    expect([path, response.status >= 400]).toEqual([path, true]);
  }
});
