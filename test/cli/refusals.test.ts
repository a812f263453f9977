// Messages of the command line when a request is refused, or when the address has no cache.

import { describe, expect, it } from "vitest";
import { ADMIN, shutCache, VIEWER } from "../support/access.ts";
import { cli, URL_OF_CACHE } from "../support/cli.ts";

const cache = shutCache();

describe("a refused or failed request ends with 1 and a sentence on standard error", () => {
  const list = ["tokens", "list", "--url", URL_OF_CACHE];

  it.each<{ title: string; answers: (request: Request) => Promise<Response>; words: RegExp }>([
    {
      title: "no JSON",
      answers: async () => new Response("<html>"),
      words: /^✘ https:\/\/cache.example did not answer with JSON/,
    },
    {
      title: "a refusal that is no cache's",
      answers: async () => new Response("<html>", { status: 502 }),
      words: /answered 502$/,
    },
    {
      title: "a problem that lists no errors",
      answers: async () => Response.json({ status: 409, detail: "it is busy" }, { status: 409 }),
      words: /^✘ it is busy$/,
    },
    {
      title: "the errors of an older cache",
      answers: async () =>
        Response.json({ errors: [{ code: "UNSUPPORTED", message: "busy" }] }, { status: 409 }),
      words: /^✘ busy$/,
    },
    {
      title: "no API",
      answers: async () => new Response("", { status: 404 }),
      words: /without the secret ADMIN_TOKEN, a cache has an API only under npm start/,
    },
  ])("$title", async ({ answers, words }) => {
    const { code, out, err } = await cli(list, answers);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(words);
  });

  it("no server at the address", async () => {
    const { code, err } = await cli(list);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^✘ cannot connect to https:\/\/cache.example .*give its address with --url$/,
    );
  });

  it("a change by a viewer, and a request that the API rejects, are a line each", async () => {
    const create = ["tokens", "create", "x", "--repositories", "open/**,", "--networks", "here"];
    const changing = (token: string) =>
      cli([...create, "--url", URL_OF_CACHE], (request) => cache.ask(request.url, request), token);
    expect(await changing(VIEWER)).toEqual({
      code: 1,
      out: "",
      err: "✘ viewers may read, but not change anything",
    });
    const { code, err } = await changing(ADMIN);
    expect(code).toBe(1);
    expect(err).toMatch(/^✘ repositories.*\n✘ networks/);
  });
});
