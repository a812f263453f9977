// Referrers that come along: what refers to a manifest is fetched behind it, and can be verified while the upstream is down.

import { expect, it } from "vitest";
import { apartPath, cacheApart, fixture, repository } from "../support/cache.ts";
import { keyPair, signByBundle, signByTag } from "../support/signing.ts";
import { eventually } from "../support/waiting.ts";

const keys = keyPair();

async function signed(hint: string) {
  const name = repository(hint);
  const made = await fixture.image(name, "1");
  const byTag = await signByTag(name, made, keys);
  const bundle = await signByBundle(name, made, keys);
  const sbom = await fixture.referrer(name, made, "application/spdx+json", { content: "{}" });
  return { name, made, all: [byTag, bundle, sbom] };
}

function blobsOf({ bytes }: { bytes: Uint8Array }): string[] {
  const { config, layers } = JSON.parse(new TextDecoder().decode(bytes));
  return [config, ...layers].map(({ digest }) => digest);
}

it("come with the manifest, and are served while the upstream is down", async () => {
  const { name, made, all } = await signed("along");
  const cache = cacheApart({ referrers: true });
  await cache.bytes(`open/${name}/manifests/1`);
  await cache.settled();
  const blobs = [...new Set(all.flatMap(blobsOf))];
  await eventually(async () => {
    const fetched = await fixture.requests({ repository: name, kind: "blob", method: "GET" });
    expect(
      new Set(fetched.filter(({ closed }) => closed).map(({ reference }) => reference)),
    ).toEqual(new Set(blobs));
  });
  await fixture.idle(name);
  await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
  const tag = `${made.digest.replace(":", "-")}.sig`;
  for (const manifest of [tag, ...all.map(({ digest }) => digest)])
    await cache.bytes(`open/${name}/manifests/${manifest}`);
  for (const blob of blobs) await cache.bytes(`open/${name}/blobs/${blob}`);
  const list = await cache.fetch(`open/${name}/referrers/${made.digest}`);
  expect(((await list.json()) as { manifests: unknown[] }).manifests).toHaveLength(2);
});

it("stay where they are unless the rule asks for them", async () => {
  const { name } = await signed("alone");
  const cache = cacheApart();
  await cache.bytes(`open/${name}/manifests/1`);
  await cache.settled();
  expect(await fixture.requests({ repository: name, kind: "referrers" })).toEqual([]);
});

it("come with an index, which is what gets signed of an image for several platforms", async () => {
  const name = repository("index");
  const child = await fixture.image(name, undefined);
  const index = await fixture.index(name, "1", [child]);
  const bundle = await signByBundle(name, index, keys);
  const cache = cacheApart({ referrers: true });
  await cache.bytes(`open/${name}/manifests/1`);
  await cache.settled();
  await eventually(async () => {
    const asked = { repository: name, kind: "manifest", method: "GET" } as const;
    const fetched = (await fixture.requests(asked)).map(({ reference }) => reference);
    expect(fetched).toContain(bundle.digest);
  });
});

it("are fetched once, and not those of a signature", async () => {
  const { name, made } = await signed("once");
  const path = apartPath();
  const cache = () => cacheApart({ referrers: true }, {}, path);
  const tag = `${made.digest.replace(":", "-")}.sig`;
  for (const reference of ["1", made.digest, tag]) {
    const one = cache();
    await one.bytes(`open/${name}/manifests/${reference}`);
    await one.settled();
  }
  expect(await fixture.requests({ repository: name, kind: "referrers" })).toHaveLength(1);
});
