// What the command line says where it is refused, or where nobody answers that is a cache.

import { describe, expect, it } from "vitest";
import { ADMIN, shutCache, VIEWER } from "../support/access.ts";
import { cli, URL_OF_CACHE } from "../support/cli.ts";

const cache = shutCache();

describe("what is refused, or fails, ends with 1 and a sentence on standard error", () => {
  const list = ["tokens", "list", "--url", URL_OF_CACHE];

  it.each<[string, (request: Request) => Promise<Response>, RegExp]>([
    [
      "no JSON",
      async () => new Response("<html>"),
      /^✘ https:\/\/cache.example did not answer with JSON/,
    ],
    [
      "a refusal that is no cache's",
      async () => new Response("<html>", { status: 502 }),
      /answered 502$/,
    ],
    [
      "a problem that lists no errors",
      async () => Response.json({ status: 409, detail: "it is busy" }, { status: 409 }),
      /^✘ it is busy$/,
    ],
    [
      "the errors of an older cache",
      async () =>
        Response.json({ errors: [{ code: "UNSUPPORTED", message: "busy" }] }, { status: 409 }),
      /^✘ busy$/,
    ],
    [
      "no API",
      async () => new Response("", { status: 404 }),
      /without the secret ADMIN_TOKEN, a cache has an API only under npm start/,
    ],
  ])("%s", async (_, answers, words) => {
    const { code, out, err } = await cli(list, answers);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(words);
  });

  it("nobody there", async () => {
    const { code, err } = await cli(list);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^✘ cannot connect to https:\/\/cache.example .*give its address with --url$/,
    );
  });

  it("a viewer who would change something, and what the API does not take, a line each", async () => {
    const create = ["tokens", "create", "x", "--repositories", "open/**,", "--networks", "here"];
    const asked = (token: string) =>
      cli([...create, "--url", URL_OF_CACHE], (request) => cache.ask(request.url, request), token);
    expect(await asked(VIEWER)).toEqual({
      code: 1,
      out: "",
      err: "✘ viewers may read, but not change anything",
    });
    const { code, err } = await asked(ADMIN);
    expect(code).toBe(1);
    expect(err).toMatch(/^✘ repositories.*\n✘ networks/);
  });
});
