// Redirects, hop by hop: how many, where to, and what goes along.

import { afterEach, describe, expect, it, vi } from "vitest";
import { type FollowOptions, fetchFollowing } from "../../src/upstream/client/redirect.ts";
import { scriptFetch } from "./scripted.ts";

afterEach(() => vi.unstubAllGlobals());

const ok = () => new Response("content");
const follow = (options: Partial<FollowOptions> = {}) =>
  fetchFollowing(
    {
      url: "https://a.example/v2/x",
      method: "GET",
      headers: {},
      authorization: "Bearer t",
      ...options,
    },
    "a.example",
    60_000,
    new AbortController(),
  );

/** `https://a.example/v2/x` → /1 → … → /`hops`, which answers. */
function chain(hops: number): Record<string, string | (() => Response)> {
  const script: Record<string, string | (() => Response)> = {};
  const at = (hop: number) => (hop === 0 ? "https://a.example/v2/x" : `https://a.example/${hop}`);
  for (let hop = 0; hop < hops; hop++) script[at(hop)] = at(hop + 1);
  return { ...script, [at(hops)]: ok };
}

describe("are followed", () => {
  it.each([0, 1, 5])("%i times", async (hops) => {
    const sent = scriptFetch(chain(hops));
    expect(await (await follow()).text()).toBe("content");
    expect(sent).toHaveLength(hops + 1);
  });

  it.each([301, 302, 303, 307, 308])("with status %i, by the same method", async (status) => {
    const sent = scriptFetch({
      "https://a.example/v2/x": () => new Response(null, { status, headers: { Location: "/y" } }),
      "https://a.example/y": ok,
    });
    expect((await follow({ method: "HEAD" })).status).toBe(200);
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "HEAD https://a.example/v2/x",
      "HEAD https://a.example/y",
    ]);
  });

  it.each([
    { title: "a status that is no redirect", status: 304, headers: { Location: "/y" } },
    { title: "several choices", status: 300, headers: { Location: "/y" } },
    { title: "no Location", status: 302, headers: undefined },
  ])("not for $title", async ({ status, headers }) => {
    const sent = scriptFetch({
      "https://a.example/v2/x": () => new Response(null, { status, ...(headers && { headers }) }),
    });
    expect((await follow()).status).toBe(status);
    expect(sent).toHaveLength(1);
  });
});

describe("are refused", () => {
  it.each<{ title: string; script: Record<string, string | (() => Response)>; requests: number }>([
    { title: "six of them", script: chain(6), requests: 6 },
    {
      title: "a loop",
      script: { "https://a.example/v2/x": "https://a.example/v2/x" },
      requests: 6,
    },
    {
      title: "https to http",
      script: { "https://a.example/v2/x": "http://a.example/y", "http://a.example/y": ok },
      requests: 1,
    },
    {
      title: "https to http, later on",
      script: {
        "https://a.example/v2/x": "https://b.example/y",
        "https://b.example/y": "http://b.example/z",
        "http://b.example/z": ok,
      },
      requests: 2,
    },
    {
      title: "credentials in the address",
      script: { "https://a.example/v2/x": "https://u:p@b.example/" },
      requests: 1,
    },
    {
      title: "another protocol",
      script: { "https://a.example/v2/x": "ftp://b.example/" },
      requests: 1,
    },
    { title: "a script", script: { "https://a.example/v2/x": "javascript:alert(1)" }, requests: 1 },
    { title: "no address", script: { "https://a.example/v2/x": "https://" }, requests: 1 },
  ])("$title", async ({ script, requests }) => {
    const sent = scriptFetch(script);
    await expect(follow()).rejects.toMatchObject({ code: "UNAVAILABLE", status: 502 });
    expect(sent).toHaveLength(requests);
  });

  it("from http to http they are followed", async () => {
    scriptFetch({ "http://a.example/x": "http://b.example/y", "http://b.example/y": ok });
    expect((await follow({ url: "http://a.example/x" })).status).toBe(200);
  });
});

describe("the authorization", () => {
  const authorizations = (script: Record<string, string>) => {
    const last = Object.values(script).at(-1) as string;
    const sent = scriptFetch({ ...script, [last]: ok });
    return follow().then(() => sent.map(({ headers }) => headers.get("authorization")));
  };

  it("goes along within the origin", async () => {
    expect(await authorizations({ "https://a.example/v2/x": "https://a.example/y" })).toEqual([
      "Bearer t",
      "Bearer t",
    ]);
  });

  it.each([
    ["host", "https://cdn.example/y"],
    ["subdomain", "https://cdn.a.example/y"],
    ["port", "https://a.example:8443/y"],
    ["host, without its protocol", "//cdn.example/y"],
  ])("does not go to another %s", async (_, location) => {
    const target = new URL(location, "https://a.example").href;
    const sent = scriptFetch({ "https://a.example/v2/x": location, [target]: ok });
    await follow();
    expect(sent.map(({ headers }) => headers.get("authorization"))).toEqual(["Bearer t", null]);
  });

  it("does not come back with a redirect that comes back", async () => {
    const back = {
      "https://a.example/v2/x": "https://cdn.example/y",
      "https://cdn.example/y": "https://a.example/z",
    };
    expect(await authorizations(back)).toEqual(["Bearer t", null, null]);
  });
});

describe("a form with credentials", () => {
  const form = { method: "POST", body: "password=x" } as const;

  it("goes along within the origin", async () => {
    const sent = scriptFetch({ "https://a.example/v2/x": "/y", "https://a.example/y": ok });
    await follow(form);
    expect(sent.map(({ body }) => body)).toEqual(["password=x", "password=x"]);
  });

  it("does not go to another", async () => {
    const sent = scriptFetch({
      "https://a.example/v2/x": "https://b.example/y",
      "https://b.example/y": ok,
    });
    await expect(follow(form)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(sent).toHaveLength(1);
  });
});

describe("a request that is to stay", () => {
  it("is not redirected, even within the origin", async () => {
    const sent = scriptFetch({ "https://a.example/v2/x": "/y", "https://a.example/y": ok });
    await expect(follow({ stay: true })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      status: 502,
    });
    expect(sent).toHaveLength(1);
  });

  it("is answered like any other", async () => {
    scriptFetch(chain(0));
    expect(await (await follow({ stay: true })).text()).toBe("content");
  });
});

describe("a host that cannot be reached", () => {
  it("is told as that, and not in the platform's words", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("socket 17 at 10.0.0.1")));
    const error = await follow().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "UNAVAILABLE", status: 502 });
    expect((error as Error).message).toBe("a.example could not be reached");
  });
});

describe("a connection that is lost", () => {
  const LOST = new Error("Network connection lost.");
  /** @param answers to the requests, in turn: a status, or nothing at all */
  function upstream(...answers: (number | undefined)[]): string[] {
    const sent: string[] = [];
    vi.stubGlobal("fetch", async (url: URL, { method }: RequestInit) => {
      sent.push(`${method} ${url}`);
      const status = answers.shift();
      if (status === undefined) throw LOST;
      return new Response(null, { status });
    });
    return sent;
  }
  /** Each test has an origin of its own: what one has answered is remembered. */
  let count = 0;
  const origin = () => `https://lost-${count++}.example`;

  it.each(["GET", "HEAD"] as const)(
    "after a 416, by which it was closed: %s is sent again",
    async (method) => {
      const sent = upstream(416, undefined, 200);
      const url = `${origin()}/v2/x`;
      expect((await follow({ url, method })).status).toBe(416);
      expect((await follow({ url, method })).status).toBe(200);
      expect(sent).toEqual(Array(3).fill(`${method} ${url}`));
    },
  );

  it.each<{ title: string; answers: (number | undefined)[]; options: Partial<FollowOptions> }>([
    { title: "without a 416 before", answers: [200, undefined], options: {} },
    { title: "again", answers: [416, undefined, undefined], options: {} },
    {
      title: "and carried a form",
      answers: [416, undefined],
      options: { method: "POST", body: "a=b" },
    },
    {
      title: "to another origin",
      answers: [416, undefined],
      options: { url: "https://b.example/v2/x" },
    },
  ])("$title: that is told", async ({ answers, options }) => {
    const sent = upstream(...answers);
    const url = `${origin()}/v2/x`;
    await follow({ url });
    await expect(follow({ url, ...options })).rejects.toMatchObject({ status: 502 });
    expect(sent).toHaveLength(answers.length);
  });

  it("long after a 416: that is told", async () => {
    const url = `${origin()}/v2/x`;
    upstream(416, undefined);
    await follow({ url });
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + 60_000);
    await expect(follow({ url })).rejects.toMatchObject({ status: 502 });
    vi.restoreAllMocks();
  });
});
