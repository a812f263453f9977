// Promise 2, nothing wrong is ever kept: what does not hash to its digest is published nowhere, does not end cleanly
// for those who were streaming it, and is asked for anew by the next.

import { describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { type Fault, seedOf } from "../support/fixture.ts";
import { MiB, receive } from "../support/transfers.ts";

const cache = new Cache();

const SMALL = 5000;
const LARGE = 20 * MiB;

const FAULTS: [string, number, Fault][] = [
  ["a small blob with a flipped byte", SMALL, { corruptAt: 100 }],
  ["a small blob cut short, cleanly", SMALL, { ignoreRange: true, truncateTo: 4000 }],
  ["an HTML page for a small blob", SMALL, { html: true }],
  ["a large blob with a flipped byte in its first segment", LARGE, { corruptAt: 0 }],
  ["a large blob with a flipped last byte", LARGE, { corruptAt: LARGE - 1 }],
  ["an HTML page for a large blob", LARGE, { html: true }],
  [
    "a large blob without ranges, with a flipped byte",
    LARGE,
    { ignoreRange: true, corruptAt: 9 * MiB },
  ],
  [
    "a large blob without ranges, cut short cleanly",
    LARGE,
    { ignoreRange: true, truncateTo: LARGE - 1 },
  ],
  [
    "a large blob of unknown length, with a flipped byte",
    LARGE,
    { ignoreRange: true, chunked: true, corruptAt: 9 * MiB },
  ],
];

describe.each(FAULTS)("%s", (_, size, fault) => {
  it("is never kept, and never ends cleanly", async () => {
    const name = repository("damaged");
    const { digest } = await fixture.blob(name, { seed: seedOf(name), size });
    await fixture.fault({ match: { repository: name, method: "GET" }, times: 0, do: fault });
    const received = await Promise.all(
      [1, 2].map(() => receive(cache.fetch(`open/${name}/blobs/${digest}`))),
    );
    for (const each of received) expect(each).toMatchObject({ whole: false });

    await fixture.heal({ repository: name });
    const before = (await fixture.requests({ repository: name })).length;
    const again = await receive(cache.fetch(`open/${name}/blobs/${digest}`));
    expect(again).toMatchObject({ whole: true, digest });
    expect((await fixture.requests({ repository: name })).length).toBeGreaterThan(before);
  });
});

it("gives a blob that was refused once to the next who asks", async () => {
  const name = repository("refused-once");
  const { digest } = await fixture.blob(name, { seed: 1, size: 100 });
  await fixture.fault({ match: { repository: name }, do: { status: 500 } });
  expect((await cache.fetch(`open/${name}/blobs/${digest}`)).status).toBe(502);
  expect(await receive(cache.fetch(`open/${name}/blobs/${digest}`))).toMatchObject({ digest });
});

describe("manifests", () => {
  it.each<[string, Fault]>([
    ["with a flipped byte", { corruptAt: 10 }],
    ["that are an HTML page", { html: true }],
    ["that are cut short", { truncateTo: 20 }],
  ])("%s are not kept, by digest or by tag", async (_, fault) => {
    const name = repository("damaged-manifest");
    const image = await fixture.image(name, "1");
    await fixture.fault({ match: { repository: name, method: "GET" }, times: 0, do: fault });
    for (const reference of ["1", image.digest]) {
      expect((await cache.fetch(`open/${name}/manifests/${reference}`)).status).toBe(502);
    }
    await fixture.heal({ repository: name });
    for (const reference of ["1", image.digest]) {
      expect(await receive(cache.fetch(`open/${name}/manifests/${reference}`))).toMatchObject({
        digest: image.digest,
      });
    }
  });

  it("of more than 4 MiB are refused, those of 4 MiB are not", async () => {
    const name = repository("huge");
    const body = (size: number) => {
      const start = '{"schemaVersion":2,"annotations":{"a":"';
      return `${start}${"x".repeat(size - start.length - 3)}"}}`;
    };
    const fits = await fixture.manifest(name, body(4 * MiB), { tag: "fits" });
    const large = await fixture.manifest(name, body(4 * MiB + 1), { tag: "large" });
    for (const reference of ["fits", fits.digest]) {
      expect(await receive(cache.fetch(`open/${name}/manifests/${reference}`))).toMatchObject({
        digest: fits.digest,
      });
    }
    for (const reference of ["large", large.digest]) {
      expect((await cache.fetch(`open/${name}/manifests/${reference}`)).status).toBe(502);
    }
  });
});
