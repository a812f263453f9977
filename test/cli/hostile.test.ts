// A cache that is not what it seems, or tells on what an upstream has said: whatever the API answers, a terminal shows text.

import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN, bearer, shutCache } from "../support/access.ts";
import { fixture, repository } from "../support/cache.ts";
import { cli, URL_OF_CACHE } from "../support/cli.ts";
import { pullWhole } from "../support/lifecycle.ts";
import { HOSTILE, UNSAFE } from "../support/unsafe.ts";

const NAME = repository("hostile-cli");
const cache = shutCache({
  RULES: [{ prefix: "open", upstream: fixture.url("open"), anonymous: true }],
});

beforeAll(async () => {
  await pullWhole(cache, `open/${NAME}`, "1", await fixture.image(NAME, "1"));
  const headers = bearer(ADMIN);
  const send = (path: string, body: object) =>
    cache.ask(`${URL_OF_CACHE}/api/${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
  await send("tokens", { name: "one", repositories: ["open/**"] });
  await send("quarantine", { digest: `sha256:${"d".repeat(64)}`, reason: "because" });
  await send("allowances", { digest: `sha256:${"d".repeat(64)}`, until: "1h", reason: "a fix" });
  await send("prewarm", { references: [`open/${NAME}:1`] });
  await send("lifecycle/run", {});
});

/** Every text is followed by what is more than text; and so are names of fields, where a record has any. */
function dressed(value: unknown): unknown {
  if (typeof value === "string") return value + HOSTILE;
  if (Array.isArray(value)) return value.map(dressed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, dressed(one)]));
}

const hostile = async (request: Request): Promise<Response> => {
  const response = await cache.ask(request.url, request);
  const { status, headers } = response;
  const text = await response.text();
  if (!headers.get("content-type")?.includes("json"))
    return new Response(text, { status, headers });
  return new Response(JSON.stringify(dressed(JSON.parse(text))), { status });
};

const LINES = [
  "rules list",
  "rules validate open",
  "upstreams",
  "quarantine list",
  "allow list",
  "held list",
  "tokens list",
  "tokens create two --repositories open/**",
  "images",
  "images show open/NAME:1",
  "refresh open/NAME:1",
  "explain open/NAME:1",
  "explain nothing/here:1",
  "prewarm list",
  "lifecycle preview",
  "lifecycle runs",
  "lifecycle events",
  "lifecycle policies",
  "catalog show",
  "stats",
  "stats --by rule",
  "stats --by repository",
  "report",
  "events",
  "doctor --skip-validate",
];

describe.each(["", " --json"])("a command's output%s", (json) => {
  it.each(LINES)("of %s", async (line) => {
    const args = `${line.replace("NAME", NAME)}${json} --url ${URL_OF_CACHE}`.split(" ");
    const { out, err } = await cli(args, hostile);
    const said = `${out}\n${err}`;
    expect(said.trim()).not.toBe("");
    expect(said.split("\n").join("").match(UNSAFE)).toBeNull();
  });
});

it.each([
  ["a refusal", () => Response.json({ errors: [{ message: `no${HOSTILE}` }] }, { status: 403 })],
  ["a page", () => new Response(HOSTILE)],
])("%s is text too", async (_, answer) => {
  const { code, err } = await cli(["tokens", "list", "--url", URL_OF_CACHE], async () => answer());
  expect(code).toBe(1);
  expect(err).toMatch(/^✘ /);
  expect(err.split("\n").join("")).not.toMatch(UNSAFE);
});

it("an argument that is printed back is text too", async () => {
  for (const args of [
    [HOSTILE],
    ["explain"],
    ["tokens", HOSTILE],
    ["events", "--n", HOSTILE],
    ["report", "--url", HOSTILE],
  ]) {
    const { code, out, err } = await cli(args);
    expect(code).toBeGreaterThan(0);
    expect(`${out}${err}`.split("\n").join("")).not.toMatch(UNSAFE);
  }
});
