// Tags that are refreshed by the API: the registry is asked, whatever is known.

import { afterEach, describe, expect, it, vi } from "vitest";
import { ADMIN, access, bearer } from "../support/access.ts";
import { type Cache, cacheApart, fixture, repository } from "../support/cache.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

async function refresh(cache: Cache, reference: string) {
  const url = `https://cache.example/api/images/refresh?${new URLSearchParams({ reference })}`;
  const response = await cache.ask(url, { method: "POST", headers: bearer(ADMIN) });
  const text = await response.text();
  await cache.settled();
  return { status: response.status, text, answer: JSON.parse(text) as Record<string, unknown> };
}

const cacheOf = (fields: object = {}) => cacheApart(fields, { ADMIN_TOKEN: ADMIN });

describe("a tag", () => {
  it("is asked for although it is fresh, by HEAD; and what it means now holds for the next pull", async () => {
    const cache = cacheOf();
    const name = repository("refreshed");
    const first = await fixture.image(name, "1");
    await cache.bytes(`open/${name}/manifests/1`);
    await cache.settled();
    const same = await refresh(cache, `open/${name}:1`);
    expect(same.answer).toEqual({
      reference: `open/${name}:1`,
      digest: first.digest,
      before: first.digest,
      moved: false,
    });
    const second = await fixture.image(name, "1", { seed: repository("other") });
    const moved = await refresh(cache, `cache.example/open/${name}:1`);
    expect(moved.answer).toMatchObject({
      digest: second.digest,
      before: first.digest,
      moved: true,
    });
    const methods = (await fixture.requests({ repository: name })).map(({ method }) => method);
    expect(methods).toEqual(["HEAD", "GET", "HEAD", "HEAD", "GET"]);
    expect(await cache.bytes(`open/${name}/manifests/1`)).toEqual(second.bytes);
    expect(await fixture.requests({ repository: name })).toHaveLength(methods.length);
    expect((await access.actions(undefined, 1))[0]?.what).toBe(`refreshed open/${name}:1`);
  });

  it("that was never pulled is there then, with the upstream cut off", async () => {
    const cache = cacheOf();
    const name = repository("fetched");
    const { bytes } = await fixture.image(name, "1");
    expect((await refresh(cache, `open/${name}:1`)).answer).toMatchObject({
      moved: false,
    });
    await fixture.fault({ match: { repository: name }, times: 0, do: { reset: true } });
    expect(await cache.bytes(`open/${name}/manifests/1`)).toEqual(bytes);
  });

  it.each([
    {
      title: "that the upstream does not have",
      reference: "open/nothing-there:1",
      status: 404,
      words: "answered 404",
    },
    {
      title: "of no rule",
      reference: "nothing/there:1",
      status: 404,
      words: "there is no rule for the name",
    },
    {
      title: "that is a digest",
      reference: `open/x@sha256:${"a".repeat(64)}`,
      status: 400,
      words: "must have a tag",
    },
    { title: "that is none", reference: "open/X:1", status: 400, words: "is not an image" },
  ])("$title is refused", async ({ reference, status, words }) => {
    const { status: answered, text } = await refresh(cacheOf(), reference);
    expect([answered, text]).toEqual([status, expect.stringContaining(words)]);
  });

  it("is refused where the rule refuses it, and where the upstream fails", async () => {
    const name = repository("failing");
    await fixture.image(name, "1");
    expect((await refresh(cacheOf({ deny: ["**:1"] }), `open/${name}:1`)).status).toBe(403);
    const cache = cacheOf();
    await cache.bytes(`open/${name}/manifests/1`);
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    const { status, answer } = await refresh(cache, `open/${name}:1`);
    expect([status, answer.title]).toEqual([503, "Temporarily unavailable"]);
    await cache.bytes(`open/${name}/manifests/1`); // it is served all the same
  });

  it("is not asked for under a rule that is offline", async () => {
    const name = repository("offline");
    await fixture.image(name, "1");
    expect((await refresh(cacheOf({ offline: true }), `open/${name}:1`)).status).toBe(404);
    expect(await fixture.requests({ repository: name })).toEqual([]);
  });
});
