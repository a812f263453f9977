// WEBHOOKS: what is read, and what is refused with which words: receivers outside the public internet above all.

import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { readWebhooks, signingKey } from "../../src/config/webhooks.ts";

const SECRET = "a-signing-key-of-the-tests-0123456789";
const HOOK = { name: "deploys", url: "https://hooks.example.com/in", secret: "HOOK_KEY" };

function problemsOf(fields: object, ...more: object[]): string[] {
  const problems: string[] = [];
  readWebhooks({ WEBHOOKS: [{ ...HOOK, ...fields }, ...more], HOOK_KEY: SECRET }, problems);
  return problems;
}

const read = (fields: object) => {
  const problems: string[] = [];
  const [hook] = readWebhooks({ WEBHOOKS: [{ ...HOOK, ...fields }], HOOK_KEY: SECRET }, problems);
  expect(problems).toEqual([]);
  return hook;
};

describe("a webhook", () => {
  it("is sent all events of all repositories by default", () => {
    expect(read({})).toEqual({ ...HOOK, events: ["*"] });
  });

  it("has globs over events and repositories", () => {
    const fields = { events: ["tag.*", "pull.denied", "*.{up,down}"], repositories: ["a/**"] };
    expect(read(fields)).toEqual({ ...HOOK, ...fields });
  });

  it("is read from JSON, as --var passes it, and is part of the configuration", () => {
    const env = { WEBHOOKS: JSON.stringify([HOOK]), HOOK_KEY: SECRET };
    const rules = [{ prefix: "a", upstream: "a.example" }];
    expect(readConfig({ RULES: rules, ...env }).webhooks).toEqual([{ ...HOOK, events: ["*"] }]);
    expect(readConfig({ RULES: rules }).webhooks).toEqual([]);
  });

  it.each<{ title: string; fields: object; problem: string }>([
    {
      title: "no name",
      fields: { name: undefined },
      problem: "WEBHOOKS[0].name: must be a name of lower-case",
    },
    {
      title: "a name with a slash",
      fields: { name: "a/b" },
      problem: "WEBHOOKS[0].name: must be a name of lower-case",
    },
    { title: "no secret", fields: { secret: undefined }, problem: "WEBHOOKS[0].secret: " },
    {
      title: "a secret's value",
      fields: { secret: "whsec_+/" },
      problem: "WEBHOOKS[0].secret: must be the name of a sec",
    },
    {
      title: "the admin token",
      fields: { secret: "ADMIN_TOKEN" },
      problem: "WEBHOOKS[0].secret: is one of the cache's own",
    },
    {
      title: "no such event",
      fields: { events: ["tag.moves"] },
      problem: "WEBHOOKS[0].events[0]: must be an event",
    },
    {
      title: "no such kind",
      fields: { events: ["tags.*"] },
      problem: "WEBHOOKS[0].events[0]: must be an event",
    },
    {
      title: "events of a string",
      fields: { events: "tag.*" },
      problem: "WEBHOOKS[0].events: must be a list",
    },
    {
      title: "no event",
      fields: { events: [] },
      problem: "WEBHOOKS[0].events: must have at least one",
    },
    {
      title: "a tag",
      fields: { repositories: ["a/b:1"] },
      problem: "WEBHOOKS[0].repositories[0]: must be a glob over rep",
    },
    {
      title: "a digest",
      fields: { repositories: ["a@sha256:0"] },
      problem: "WEBHOOKS[0].repositories[0]: must not contain",
    },
    {
      title: "another field",
      fields: { retries: 3 },
      problem: "WEBHOOKS[0].retries: is not a field of a webhook",
    },
  ])("is refused with its field's path: $title", ({ fields, problem }) => {
    expect(problemsOf(fields)[0]).toContain(problem);
  });

  it("has a name of its own", () => {
    expect(problemsOf({}, HOOK)).toEqual([
      "WEBHOOKS[1].name: another webhook has the name deploys already",
    ]);
  });

  it("is refused in a list that is none, and beyond twenty", () => {
    const problems: string[] = [];
    readWebhooks({ WEBHOOKS: HOOK }, problems);
    readWebhooks({ WEBHOOKS: "[" }, problems);
    readWebhooks(
      { WEBHOOKS: Array.from({ length: 21 }, (_, at) => ({ ...HOOK, name: `h${at}` })) },
      problems,
    );
    expect(problems).toEqual([
      "WEBHOOKS: must be a list of webhooks",
      "WEBHOOKS: is not JSON",
      "WEBHOOKS: must have at most 20 webhooks",
    ]);
  });
});

describe("its URL", () => {
  it.each([
    "https://hooks.example.com/in",
    "https://hooks.example.com:8443/in?tenant=7",
    "https://8.8.8.8/in",
    "https://[2606:4700:4700::1111]/in",
    "http://127.0.0.1:9000/in",
    "http://localhost:9000/in",
    "http://[::1]:9000/in",
  ])("may be %s", (url) => {
    expect(read({ url })).toMatchObject({ url });
  });

  it.each<[string, string]>([
    ["nothing", "must be an https:// URL"],
    ["ftp://hooks.example.com/", "must be an https:// URL"],
    ["javascript:alert(1)", "must be an https:// URL"],
    ["//hooks.example.com/", "must be an https:// URL"],
    ["http://hooks.example.com/", "allowed for loopback only"],
    ["http://127.0.0.1.nip.example/", "allowed for loopback only"],
    ["http://localhost.example.com/", "allowed for loopback only"],
    ["http://[::ffff:127.0.0.1]/", "allowed for loopback only"],
    ["http://10.0.0.1/", "allowed for loopback only"],
    ["https://user@hooks.example.com/", "user name or password"],
    ["https://user:s3cret@hooks.example.com/", "user name or password"],
    ["https://hooks.example.com@127.0.0.1/", "user name or password"],
    ["https://:s3cret@hooks.example.com/", "user name or password"],
    ["https://hooks.example.com/#s3cret", "fragment"],
    ["https://localhost/", "loopback"],
    ["https://localhost./", "loopback"],
    ["https://a.localhost/", "loopback"],
    ["https://127.0.0.1/", "loopback"],
    ["https://127.1/", "loopback"],
    ["https://2130706433/", "loopback"],
    ["https://0x7f.0.0.1/", "loopback"],
    ["https://0177.0.0.1/", "loopback"],
    ["https://[::1]/", "loopback"],
    ["https://[::ffff:127.0.0.1]/", "loopback"],
    ["https://[::ffff:7f00:1]/", "loopback"],
    ["https://[::127.0.0.1]/", "special"],
    ["https://[::]/", "special"],
    ["https://0.0.0.0/", "special"],
    ["https://169.254.169.254/latest/meta-data", "special"],
    ["https://[fe80::1]/", "special"],
    ["https://[64:ff9b::7f00:1]/", "special"],
    ["https://224.0.0.1/", "special"],
    ["https://10.1.2.3/", "private"],
    ["https://172.16.0.1/", "private"],
    ["https://192.168.0.1/", "private"],
    ["https://100.64.0.1/", "private"],
    ["https://[fd00::1]/", "private"],
    ["https://[::ffff:10.0.0.1]/", "private"],
    ["https://intranet/", "private"],
    ["https://hooks.internal/", "private"],
    ["https://hooks.local/", "private"],
    ["https://printer.home.arpa/", "private"],
    ["https://a$(x).example.com/", "invalid host"],
  ])("is refused: %s", (url, problem) => {
    const [first = "", ...others] = problemsOf({ url });
    expect(others).toEqual([]);
    expect(first.startsWith("WEBHOOKS[0].url: ")).toBe(true);
    expect(first).toContain(problem);
    expect(first).not.toContain("s3cret");
  });
});

describe("its secret", () => {
  const keyOf = (value: unknown) => signingKey({ KEY: value }, "KEY");
  const encoded = (bytes: number) => `whsec_${btoa("k".repeat(bytes))}`;

  it.each([24, 25, 26, 32, 64])("is the bytes of whsec_: %i", (bytes) => {
    const key = new TextEncoder().encode("k".repeat(bytes));
    expect(keyOf(encoded(bytes))).toEqual({ key });
    expect(keyOf(`${encoded(bytes)}\n`)).toEqual({ key });
    expect(keyOf(encoded(bytes).replace(/=+$/, ""))).toEqual({ key });
  });

  it("is a text as it stands, of at least 24 bytes", () => {
    expect(keyOf("é".repeat(12))).toEqual({ key: new TextEncoder().encode("é".repeat(12)) });
  });

  it.each<[string, unknown]>([
    ["a short text", "x".repeat(23)],
    ["a short key", encoded(23)],
    ["a long key", encoded(65)],
    ["no base64", `whsec_${"!".repeat(40)}`],
    ["base64 of no whole bytes", `whsec_${"A".repeat(41)}`],
    ["a number", 12345],
  ])("is refused without its value: %s", (_, value) => {
    const told = keyOf(value) as { problem: string };
    expect(told.problem).toContain("the secret KEY must be whsec_ and 24 to 64 bytes");
    expect(told.problem).not.toContain(String(value));
  });

  it.each([undefined, ""])("is missing: %s", (value) => {
    expect(keyOf(value)).toEqual({
      problem: "the secret KEY is not set: `npx wrangler secret put KEY`",
    });
  });

  it("that is missing makes the webhook unusable, not the cache", () => {
    const problems: string[] = [];
    const [hook] = readWebhooks({ WEBHOOKS: [HOOK] }, problems);
    expect(problems).toEqual([]);
    expect(hook?.problem).toContain("HOOK_KEY is not set");
  });
});
