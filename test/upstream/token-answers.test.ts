// Answers of token services that are slightly off: what can be used is used, and what cannot counts as absent.

import { afterEach, describe, expect, it, vi } from "vitest";
import { problemOf } from "../http/problem.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import type { TokenSettings } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";

afterEach(() => vi.useRealTimers());

type Settings = Omit<TokenSettings, "repository">;

const tokenRequests = (name: string) => fixture.requests({ repository: name, kind: "token" });

/** Seconds for which the registry takes its tokens, whatever the answer says. */
const lifetime = 100_000;
const over = (fields: Record<string, unknown>): Settings => ({ lifetime, over: fields });
const besides = (token: unknown): Settings => ({
  lifetime,
  field: "access_token",
  over: { token },
});

describe.each(["bearer", "robot"])("is used: %s", (prefix) => {
  it.each<[string, Settings]>([
    ["a lifetime of 0", over({ expires_in: 0 })],
    ["a lifetime below 0", over({ expires_in: -1 })],
    ["a lifetime of null", over({ expires_in: null })],
    ["no lifetime", { lifetime, expiresIn: null }],
    ["a fraction of seconds", over({ expires_in: 299.5 })],
    ["a fraction of one second", over({ expires_in: 0.25 })],
    ["a lifetime in words", over({ expires_in: "soon" })],
    ["a lifetime that is a list", over({ expires_in: [300] })],
    ["an empty token beside an access_token", besides("")],
    ["a null beside an access_token", besides(null)],
    ["a number beside an access_token", besides(5)],
    ["a token of two lines beside an access_token", besides("a\nb")],
    ["an empty access_token beside a token", over({ access_token: "" })],
    ["a null access_token beside a token", over({ access_token: null })],
    ["a time of issue in the past", over({ issued_at: "2001-01-01T00:00:00Z" })],
    ["a time of issue that cannot be read", over({ issued_at: "yesterday" })],
    ["a time of issue that is null", over({ issued_at: null })],
    ["a time of issue to come", over({ issued_at: "2999-01-01T00:00:00Z" })],
    ["optional fields of any kind", over({ refresh_token: 7, scope: null, token_type: {} })],
    ["all of it at once", { ...besides(null), over: { token: "", expires_in: 0, issued_at: 5 } }],
  ])("an answer with %s", async (_, settings) => {
    const name = repository("off");
    const image = await fixture.image(name, "1");
    await fixture.token({ repository: name, ...settings });
    const cache = cacheApart();
    for (const reference of ["1", image.digest]) {
      const { digest } = await receive(cache.fetch(`${prefix}/${name}/manifests/${reference}`));
      expect(digest).toBe(image.digest);
    }
    expect(await tokenRequests(name)).toHaveLength(1);
  });
});

it.each([0, -1, null, "soon", 0.25])(
  "a lifetime of %s counts as 60 s: the token is lent for less than that, and then asked for anew",
  async (life) => {
    const name = repository("life");
    await fixture.token({ repository: name, ...over({ expires_in: life }) });
    const cache = cacheApart();
    const now = Date.now();
    const pull = async () => {
      const { digest } = await fixture.blob(name, crypto.randomUUID());
      await receive(cache.fetch(`bearer/${name}/blobs/${digest}`));
    };
    for (const [after, count] of [
      [0, 1],
      [45_000, 1],
      [61_000, 2],
    ] as const) {
      vi.useFakeTimers({ toFake: ["Date"], now: now + after });
      await pull();
      expect(await tokenRequests(name)).toHaveLength(count);
    }
  },
);

describe("without any token, the message says what was there, and no value:", () => {
  it.each<{ title: string; fault: object; description: string }>([
    { title: "nothing", fault: { status: 200, body: "{}" }, description: "an empty JSON object" },
    {
      title: "a page",
      fault: { html: true },
      description: "something other than a JSON object, of type text/html",
    },
    {
      title: "no body",
      fault: { status: 200, body: "" },
      description: "something other than a JSON object",
    },
    {
      title: "a list",
      fault: { status: 200, body: '["s3cret"]' },
      description: "something other than a JSON object",
    },
    {
      title: "tokens that are none",
      fault: { status: 200, body: '{"token":"","access_token":null}' },
      description: "a JSON object of token (empty), access_token (null)",
    },
    {
      title: "a number",
      fault: { status: 200, body: '{"token":5}' },
      description: "a JSON object of token (not a string)",
    },
    {
      title: "a token of two lines",
      fault: { status: 200, body: '{"token":"s3cret\\nX"}' },
      description: "a JSON object of token (with characters that are invalid in a header)",
    },
    {
      title: "an error",
      fault: { status: 200, body: '{"errors":[{"code":"s3cret"}],"s3cret":1,"expires_in":0}' },
      description: "a JSON object of expires_in, errors, 1 unknown fields",
    },
  ])("$title", async ({ fault, description }) => {
    const name = repository("tokenless");
    await fixture.image(name, "1");
    await fixture.fault({ match: { repository: name, kind: "token" }, times: 0, do: fault });
    const problem = await problemOf(cacheApart().fetch(`bearer/${name}/manifests/1`));
    expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
    expect(problem.message).toContain(`answered without a token: it sent ${description}`);
    expect(problem.message).not.toContain("s3cret");
  });
});

describe("an answer without any token pauses nothing else:", () => {
  it("the next pull of it, and those of others", async () => {
    const [off, other] = [repository("off"), repository("other")];
    for (const name of [off, other]) await fixture.image(name, "1");
    const cache = cacheApart();
    const match = { repository: off, kind: "token" as const };
    await fixture.fault({ match, do: { status: 200, body: '{"token":null}' } });
    const pull = (name: string) => receive(cache.fetch(`bearer/${name}/manifests/1`));
    expect((await problemOf(cache.fetch(`bearer/${off}/manifests/1`))).status).toBe(502);
    for (const name of [other, off]) expect((await pull(name)).status).toBe(200);
  });

  it.each(["tags/list", "referrers"])(
    "given for %s again and again, it says nothing of pulls",
    async (list) => {
      const name = repository("list-off");
      const { digest } = await fixture.image(name, "1");
      const cache = cacheApart();
      const match = { repository: name, kind: "token" as const };
      const id = await fixture.fault({ match, times: 0, do: { status: 200, body: "{}" } });
      const path = list === "referrers" ? `referrers/${digest}` : list;
      for (let count = 0; count < 6; count++)
        expect((await problemOf(cache.fetch(`bearer/${name}/${path}`))).status).toBe(502);
      await fixture.heal({ id });
      expect((await receive(cache.fetch(`bearer/${name}/manifests/1`))).status).toBe(200);
    },
  );
});
