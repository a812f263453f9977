// The attack: what one rule allows is taken for allowed under another of the same upstream. Rules without a prefix or host have their
// upstream's host for a name, so that a name is no key.

import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { scheduledIn } from "../../src/prewarm/schedule.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";

const SECRET_HOST = "0123456789abcdef0123456789abcdef.mirror.example";

/** Ways of leading to a rule that leave it without a name of its own: fields, and how a client then says a repository. */
const WAYS: Record<string, [object, (name: string, rest: string) => string]> = {
  "by ns": [
    { ns: "one.example" },
    (name, rest) => `https://cache.example/v2/${name}/${rest}?ns=one.example`,
  ],
  "by another ns": [
    { ns: "two.example" },
    (name, rest) => `https://cache.example/v2/${name}/${rest}?ns=two.example`,
  ],
  "by default": [{ default: true }, (name, rest) => `https://cache.example/v2/${name}/${rest}`],
  "by a secret host": [
    { secretHost: SECRET_HOST },
    (name, rest) => `https://${SECRET_HOST}/v2/${name}/${rest}`,
  ],
  "by a prefix": [
    { prefix: "p.example" },
    (name, rest) => `https://cache.example/v2/p.example/${name}/${rest}`,
  ],
};
const ways = Object.keys(WAYS);
const pairs = ways.flatMap((one) =>
  ways.filter((other) => other !== one).map((other) => [one, other] as const),
);

describe("a digest that an allowed tag of one rule leads to is not allowed by another rule of that upstream", () => {
  it.each(pairs)("%s, and %s", async (one, other) => {
    const name = repository("two-lists");
    const image = await fixture.image(name, "1", { seed: `${name} 1` });
    const second = await fixture.image(name, "2", { seed: `${name} 2` });
    const upstream = fixture.url("open") + apartPath();
    const [first, url] = WAYS[one] as (typeof WAYS)[string];
    const [fields, otherUrl] = WAYS[other] as (typeof WAYS)[string];
    const cache = new Cache({
      RULES: [
        { ...first, upstream, allow: [`${name}:1`] },
        { ...fields, upstream, allow: [`${name}:2`] },
      ],
    });
    const status = async (at: string) => {
      const response = await cache.ask(at);
      await response.arrayBuffer();
      return response.status;
    };
    // Each rule has pulled what is its own, so that either digest is known, remembered and here.
    expect(await status(url(name, "manifests/1"))).toBe(200);
    expect(await status(otherUrl(name, "manifests/2"))).toBe(200);
    await cache.settled();
    for (const rest of [`manifests/${image.digest}`, `blobs/${image.layers[0]?.digest}`]) {
      expect([rest, await status(url(name, rest))]).toEqual([rest, 200]);
      expect([rest, await status(otherUrl(name, rest))]).toEqual([rest, 403]);
    }
    expect(await status(otherUrl(name, "manifests/1"))).toBe(403);
    expect(await status(otherUrl(name, `manifests/${second.digest}`))).toBe(200);
    expect(await status(url(name, "manifests/2"))).toBe(403);
  });

  it("nor by the same rule, once its lists have been changed", async () => {
    const name = repository("changed-lists");
    const image = await fixture.image(name, "1");
    const upstream = fixture.url("open") + apartPath();
    const cacheOf = (tag: string) =>
      new Cache({ RULES: [{ default: true, upstream, allow: [`${name}:${tag}`] }] });
    const [before, after] = [cacheOf("1"), cacheOf("2")];
    for (const rest of ["manifests/1", `manifests/${image.digest}`])
      expect((await before.fetch(`${name}/${rest}`)).status).toBe(200);
    await before.settled();
    expect((await after.fetch(`${name}/manifests/${image.digest}`)).status).toBe(403);
  });
});

it("what is prewarmed by two rules of one name is begun for each", () => {
  const upstream = "https://registry.example";
  const prewarm = [{ at: "05:30", references: ["team/app:1"] }];
  const RULES = [
    { ns: "one.example", upstream, prewarm },
    { ns: "two.example", upstream, prewarm },
    { default: true, upstream, prewarm },
  ];
  const scheduled = scheduledIn(readConfig({ RULES }));
  expect(new Set(scheduled.map(({ key }) => key)).size).toBe(3);
  expect(new Set(scheduled.map(({ who }) => who)).size).toBe(3);
});
