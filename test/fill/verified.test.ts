// Promise 2, nothing wrong is ever kept: what does not hash to its digest is published nowhere, does not end cleanly
// for those who were streaming it, and is asked for anew by the next.

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { type Fault, seedOf } from "../support/fixture.ts";
import { catalog, isStored } from "../support/lifecycle.ts";
import { MiB, receive } from "../support/transfers.ts";

const cache = new Cache();

afterEach(() => {
  vi.restoreAllMocks();
});

const SMALL = 5000;
const LARGE = 20 * MiB;

const FAULTS: { title: string; size: number; fault: Fault }[] = [
  { title: "a small blob with a flipped byte", size: SMALL, fault: { corruptAt: 100 } },
  {
    title: "a small blob cut short, cleanly",
    size: SMALL,
    fault: { ignoreRange: true, truncateTo: 4000 },
  },
  { title: "an HTML page for a small blob", size: SMALL, fault: { html: true } },
  {
    title: "a large blob with a flipped byte in its first segment",
    size: LARGE,
    fault: { corruptAt: 0 },
  },
  { title: "a large blob with a flipped last byte", size: LARGE, fault: { corruptAt: LARGE - 1 } },
  { title: "an HTML page for a large blob", size: LARGE, fault: { html: true } },
  {
    title: "a large blob without ranges, with a flipped byte",
    size: LARGE,
    fault: { ignoreRange: true, corruptAt: 9 * MiB },
  },
  {
    title: "a large blob without ranges, cut short cleanly",
    size: LARGE,
    fault: { ignoreRange: true, truncateTo: LARGE - 1 },
  },
  {
    title: "a large blob of unknown length, with a flipped byte",
    size: LARGE,
    fault: { ignoreRange: true, chunked: true, corruptAt: 9 * MiB },
  },
];

describe.each(FAULTS)("$title", ({ size, fault }) => {
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

/** Docker's schema 1: a signed one is named by the digest of its payload, which its bytes do not have. */
describe("schema 1", () => {
  const payload = (name: string) => ({
    schemaVersion: 1,
    name,
    tag: "1",
    architecture: "amd64",
    fsLayers: [{ blobSum: `sha256:${"a".repeat(64)}` }],
    history: [{ v1Compatibility: "{}" }],
  });
  const V1 = "application/vnd.docker.distribution.manifest.v1+json";
  const SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";

  it.each([
    { title: "plain, and named so", mediaType: V1, signed: false },
    { title: "signed, and named so", mediaType: SIGNED, signed: true },
    {
      title: "under the type of today's",
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      signed: true,
    },
    { title: "without a type", mediaType: "application/octet-stream", signed: false },
  ])(
    "is refused by tag and by digest, with a word, and not kept: $title",
    async ({ mediaType, signed }) => {
      const name = repository("schema1");
      const body = { ...payload(name), ...(signed && { signatures: [{ signature: "x" }] }) };
      const { digest } = await fixture.manifest(name, body, { mediaType, tag: "1" });
      const other = `sha256:${"b".repeat(64)}`;
      const [text, match] = [JSON.stringify(body), { repository: name, method: "GET" as const }];
      if (signed) {
        await fixture.fault({
          match: { ...match, reference: other },
          times: 0,
          do: { status: 200, body: text },
        });
      }
      for (const reference of ["1", digest, "1"])
        for (const method of mediaType.includes("v1+") ? ["HEAD", "GET"] : ["GET"]) {
          const response = await cache.fetch(`open/${name}/manifests/${reference}`, { method });
          expect([reference, method, response.status]).toEqual([reference, method, 400]);
          if (method === "HEAD") continue;
          const { errors } = (await response.json()) as {
            errors: { code: string; message: string }[];
          };
          expect(errors[0]?.code).toBe("MANIFEST_INVALID");
          expect(errors[0]?.message).toMatch(
            / has this image only as a Docker schema 1 manifest, .*not supported.*nothing was stored/,
          );
        }
      if (signed) {
        const response = await cache.fetch(`open/${name}/manifests/${other}`);
        expect([response.status, await response.text()]).toEqual([
          400,
          expect.stringContaining("Docker schema 1"),
        ]);
      }
      await cache.settled();
      expect([await isStored({ digest }), await isStored({ digest: other })]).toEqual([
        false,
        false,
      ]);
      expect((await catalog.known([digest as Digest])).filter(({ present }) => present)).toEqual(
        [],
      );
    },
  );

  it("told by HEAD alone is not believed: GET, which heeds Accept, has the last word", async () => {
    const name = repository("schema1-head");
    const image = await fixture.image(name, "1");
    const headers = { "content-type": SIGNED, "docker-content-digest": `sha256:${"b".repeat(64)}` };
    await fixture.fault({ match: { repository: name, method: "HEAD" }, times: 0, do: { headers } });
    for (const method of ["HEAD", "GET"]) {
      const response = await cache.fetch(`open/${name}/manifests/1`, { method });
      expect([method, response.status, response.headers.get("docker-content-digest")]).toEqual([
        method,
        200,
        image.digest,
      ]);
      await response.arrayBuffer();
    }
  });

  it("leaves the image that the tag meant before", async () => {
    const name = repository("schema1-moved");
    const own = new Cache({
      RULES: [{ prefix: "open", upstream: fixture.url("open"), tagTtl: "1ms" }],
    });
    const image = await fixture.image(name, "1");
    await own.bytes(`open/${name}/manifests/1`);
    await fixture.manifest(name, payload(name), { mediaType: V1, tag: "1" });
    later(1_000);
    expect((await own.fetch(`open/${name}/manifests/1`)).status).toBe(400);
    expect(await own.bytes(`open/${name}/manifests/${image.digest}`)).toEqual(image.bytes);
  });
});
