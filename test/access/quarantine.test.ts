// The quarantine: a digest in it is served by no path, cached or not.

import { afterEach, describe, expect, it, vi } from "vitest";
import { ADMIN, access, api, bearer, brittleAccess } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";

const upstream = fixture.url("open") + apartPath();
const fresh = (overrides = {}) =>
  new Cache({ RULES: [{ prefix: "open", upstream }], ADMIN_TOKEN: ADMIN, ...overrides });

afterEach(() => {
  vi.restoreAllMocks();
});

async function quarantine(digest: string, reason = "CVE-2026-1234"): Promise<void> {
  const response = await api(fresh(), "POST", "quarantine", { digest, reason });
  expect(response.status).toBe(201);
}

async function statuses(cache: Cache, paths: string[]): Promise<number[]> {
  return Promise.all(
    paths.map(async (path) => {
      const response = await cache.fetch(path);
      await response.arrayBuffer();
      return response.status;
    }),
  );
}

describe("a digest in quarantine", () => {
  it("is refused by tag and digest, as a child and as a blob, with its reason; the rest is not", async () => {
    const name = repository("quarantined");
    const [amd, arm] = [
      await fixture.image(name, "amd", { layers: [10] }),
      await fixture.image(name, "arm", { layers: [20] }),
    ];
    await fixture.index(name, "both", [amd, arm]);
    const blob = arm.layers[0]?.digest as string;
    const refused = [
      `open/${name}/manifests/amd`,
      `open/${name}/manifests/${amd.digest}`,
      `open/${name}/blobs/${blob}`,
    ];
    const given = [
      `open/${name}/manifests/both`,
      `open/${name}/manifests/arm`,
      `open/${name}/blobs/${arm.config.digest}`,
    ];
    const all = [...refused, ...given];
    const before = fresh();
    expect(await statuses(before, all)).toEqual(all.map(() => 200));
    await before.settled();
    await quarantine(amd.digest);
    await quarantine(blob, "it is a miner");
    const requestsBefore = (await fixture.requests({ repository: name })).length;
    expect(await statuses(fresh(), all)).toEqual([403, 403, 403, 200, 200, 200]);
    for (const [path, why] of [
      [refused[1], "CVE-2026-1234"],
      [refused[2], "it is a miner"],
    ] as const) {
      const text = await (await fresh().fetch(path as string)).text();
      expect(text).toContain("DENIED");
      expect(text).toContain(`is in quarantine: ${why}`);
    }
    expect((await fresh().head(refused[1] as string)).status).toBe(403);
    // A client that accepts no index would get the child.
    const old = await fresh().fetch(`open/${name}/manifests/both`, {
      headers: { Accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    expect(old.status).toBe(403);
    expect(await fixture.requests({ repository: name })).toHaveLength(requestsBefore);
    // An isolate that read the page before knows within a minute.
    later(41_000);
    expect(await statuses(before, refused)).toEqual([403, 403, 403]);
  });

  it("is not fetched either", async () => {
    const name = repository("never-fetched");
    const image = await fixture.image(name, "1");
    await quarantine(image.digest);
    expect(await statuses(fresh(), [`open/${name}/manifests/${image.digest}`])).toEqual([403]);
    expect(await fixture.requests({ repository: name })).toEqual([]);
    expect(await statuses(fresh(), [`open/${name}/manifests/1`])).toEqual([403]);
    expect(await fixture.requests({ repository: name, method: "GET" })).toEqual([]); // what the tag means was asked, by HEAD
  });

  it("is served again once it is taken out, and both changes are recorded", async () => {
    const name = repository("released");
    const { digest } = await fixture.image(name, "1");
    await quarantine(digest);
    const listed = await (await api(fresh(), "GET", "quarantine")).text();
    expect(listed).toContain(digest);
    const gone = await api(fresh(), "DELETE", `quarantine/${encodeURIComponent(digest)}`);
    expect(gone.status).toBe(200);
    expect((await api(fresh(), "DELETE", `quarantine/${digest}`)).status).toBe(404);
    expect(await statuses(fresh(), [`open/${name}/manifests/1`])).toEqual([200]);
    const [last, first] = await access.actions(undefined, 2);
    expect([first?.what, last?.what]).toEqual([
      `quarantined ${digest}: CVE-2026-1234`,
      `released ${digest} from quarantine`,
    ]);
  });

  it.each([
    [{ digest: "sha256:1", reason: "x" }, "digest: must be a digest"],
    [{ digest: `sha256:${"1".repeat(64)}` }, "reason: "],
    [
      { digest: `sha256:${"1".repeat(64)}`, reason: "two\nlines" },
      "reason: must be a line of text",
    ],
    [
      { digest: `sha256:${"1".repeat(64)}`, reason: "x", until: 1 },
      "until: is not a field of an entry",
    ],
  ])("%j is refused", async (given, message) => {
    const response = await api(fresh(), "POST", "quarantine", given);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(message);
  });
});

it("an outage of the access object leaves an open cache as it was", async () => {
  const name = repository("outage");
  const { digest } = await fixture.image(name, "1");
  const other = await fixture.image(name, "2", { seed: "other" });
  await quarantine(digest);
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { binding, breaks } = brittleAccess();
  const cache = fresh({ ACCESS: binding });
  const paths = [`open/${name}/manifests/1`, `open/${name}/manifests/${other.digest}`];
  expect(await statuses(cache, paths)).toEqual([403, 200]);
  breaks();
  later(120_000);
  expect(await statuses(cache, paths)).toEqual([403, 200]);
  expect(
    (await cache.ask("https://cache.example/api/tokens", { headers: bearer(ADMIN) })).status,
  ).toBe(500);
});
