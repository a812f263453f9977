// A rule with several credentials: the first that is not refused is used, no limit is dodged, no token is mixed up.

import { afterEach, describe, expect, it, vi } from "vitest";
import { problemOf } from "../http/problem.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { receive } from "../support/transfers.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function later(time: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + time });
}

function cacheWith(credentials: string[], fields: object = {}): Cache {
  const path = apartPath();
  const rule = (prefix: "basic" | "bearer") => ({
    prefix,
    upstream: fixture.url(prefix) + path,
    realm: fixture.host("token"),
    credentials,
    ...fields,
  });
  return new Cache({ RULES: [rule("basic"), rule("bearer")] });
}

describe.each(["basic", "bearer"] as const)(
  "credentials that are refused, at a %s door",
  (prefix) => {
    it("make way for the next, and an event is logged, without a secret", async () => {
      const logged = vi.spyOn(console, "warn");
      const name = `private/${repository("rotated")}`;
      const image = await fixture.image(name, "1", { layers: [100, 200] });
      const cache = cacheWith(["WRONG", "ROBOT"]);
      const paths = [
        "manifests/1",
        ...image.layers.map(({ digest }) => `blobs/${digest}`),
        "tags/list",
      ];
      for (const path of paths) {
        expect((await receive(cache.fetch(`${prefix}/${name}/${path}`))).status).toBe(200);
      }
      const lines = logged.mock.calls.map(([line]) => String(line));
      const events = lines.filter((line) => line.includes("WRONG"));
      expect(events).toHaveLength(1);
      expect(events[0]).toContain("ROBOT");
      expect(lines.join()).not.toMatch(/not-it|s3cret/);
      // The wrong ones were tried once, not for each thing.
      const requests = await fixture.requests({ repository: name });
      const refused = requests.filter(
        ({ status, authorization }) => status === 401 && authorization !== "none",
      );
      expect(refused.length).toBeLessThanOrEqual(2); // a HEAD's and a GET's
    });

    it("are tried again within a minute: they may be good by then", async () => {
      const name = `private/${repository("again")}`;
      await fixture.image(name, "1");
      const cache = cacheWith(["WRONG", "ROBOT"], { tagTtl: "1s" });
      await receive(cache.fetch(`${prefix}/${name}/manifests/1`));
      const before = (await fixture.requests({ repository: name })).length;
      later(60_000);
      expect((await receive(cache.fetch(`${prefix}/${name}/manifests/1`))).status).toBe(200);
      const since = (await fixture.requests({ repository: name })).slice(before);
      expect(since.some(({ status }) => status === 401)).toBe(true);
    });

    it("one and all give the refusal, and are left alone for five seconds", async () => {
      const name = `private/${repository("all")}`;
      const { digest } = await fixture.image(name, "1");
      const cache = cacheWith(["WRONG", "WRONG_TOO"]);
      const problem = await problemOf(cache.fetch(`${prefix}/${name}/manifests/${digest}`));
      expect(problem).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
      expect(problem.message).not.toMatch(/not-it/);
      const before = (await fixture.requests({ repository: name })).length;
      for (const path of ["manifests/1", `blobs/${digest}`, "tags/list"]) {
        expect((await problemOf(cache.fetch(`${prefix}/${name}/${path}`))).status).toBe(401);
      }
      expect(await fixture.requests({ repository: name })).toHaveLength(before);
    });
  },
);

it("a 403 of one repository has the next credentials tried, for that one", async () => {
  const [name, other] = [repository("forbidden"), repository("allowed")];
  for (const one of [name, other]) await fixture.image(one, "1");
  const cache = cacheWith(["ROBOT", "ROBOT_ACCESS_TOKEN"]);
  await fixture.fault({ match: { repository: name, method: "GET" }, do: { status: 403 } });
  await fixture.fault({ match: { repository: name, method: "HEAD" }, do: { status: 403 } });
  expect((await receive(cache.fetch(`basic/${name}/manifests/1`))).status).toBe(200);
  expect((await receive(cache.fetch(`basic/${other}/manifests/1`))).status).toBe(200);
});

it("a 403 of one thing says nothing of the others", async () => {
  const name = repository("one-forbidden");
  const image = await fixture.image(name, "1");
  const cache = cacheWith(["ROBOT"]);
  const blob = image.layers[0]?.digest as string;
  await fixture.fault({
    match: { repository: name, reference: blob },
    times: 0,
    do: { status: 403 },
  });
  expect((await problemOf(cache.fetch(`basic/${name}/blobs/${blob}`))).status).toBe(403);
  expect((await receive(cache.fetch(`basic/${name}/manifests/1`))).status).toBe(200);
});

it("a 429 is not dodged by another account", async () => {
  const name = repository("not-dodged");
  await fixture.image(name, "1");
  const cache = cacheWith(["ROBOT", "ROBOT_ACCESS_TOKEN"]);
  await fixture.fault({ match: { repository: name }, times: 0, do: { status: 429 } });
  for (let at = 0; at < 3; at++) {
    expect((await problemOf(cache.fetch(`basic/${name}/manifests/1`))).status).toBe(429);
  }
  const requests = await fixture.requests({ repository: name });
  expect(requests.filter(({ status }) => status === 429)).toHaveLength(1);
});

it("a missing secret among them makes the rule unusable: the log names it, the answer does not", async () => {
  const logged = vi.spyOn(console, "error");
  const cache = cacheWith(["ROBOT", "NOT_SET_ANYWHERE"]);
  const problem = await problemOf(cache.fetch("basic/x/manifests/1"));
  expect(problem).toMatchObject({ status: 500, code: "UNKNOWN" });
  expect(problem.message).toContain('"basic"');
  expect(problem.message).not.toContain("NOT_SET_ANYWHERE");
  expect(logged.mock.calls.flat().join()).toContain("NOT_SET_ANYWHERE");
});

describe("a 403 that says nothing of the credentials changes none:", () => {
  const events = (logged: { mock: { calls: unknown[][] } }) =>
    logged.mock.calls.filter(([line]) => String(line).includes("refused the credentials"));

  it("a CDN's", async () => {
    const logged = vi.spyOn(console, "warn");
    const name = repository("cdn-403");
    const image = await fixture.image(name, "1");
    const cache = cacheWith(["ROBOT", "ROBOT_ACCESS_TOKEN"]);
    const match = { repository: name, kind: "blob" as const };
    await fixture.fault({
      match: { ...match, server: "basic" },
      times: 0,
      do: { redirect: "cdn" },
    });
    await fixture.fault({ match: { ...match, server: "cdn" }, times: 0, do: { status: 403 } });
    const blob = `basic/${name}/blobs/${image.layers[0]?.digest}`;
    expect((await problemOf(cache.fetch(blob))).status).toBe(403);
    expect(await fixture.requests({ repository: name, server: "cdn" })).toHaveLength(1);
    expect(events(logged)).toEqual([]);
  });

  it("one in mid-transfer", async () => {
    const logged = vi.spyOn(console, "warn");
    const name = repository("transfer-403");
    const { digest } = await fixture.blob(name, { seed: 5, size: 2_000_000 });
    const cache = cacheWith(["ROBOT", "ROBOT_ACCESS_TOKEN"]);
    const match = { repository: name, server: "basic" as const, kind: "blob" as const };
    await fixture.fault({ match, do: { cutAfter: 500_000 } });
    await fixture.fault({ match, do: { status: 403 } });
    expect(await receive(cache.fetch(`basic/${name}/blobs/${digest}`))).toMatchObject({ digest });
    expect(events(logged)).toEqual([]);
  });
});
