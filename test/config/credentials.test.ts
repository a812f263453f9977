// Credentials: the secrets that rules name.

import { describe, expect, it } from "vitest";
import { readCredentials } from "../../src/config/credentials.ts";
import { readConfig } from "../../src/config/read.ts";
import { GOOD } from "./rules.ts";

const read = (value: unknown) => readCredentials({ HUB: value }, "HUB");

describe("a secret", () => {
  it.each<[string, unknown, object]>([
    ["a password", { username: "u", password: "p:w" }, { username: "u", password: "p:w" }],
    ["an access token", { username: "u", accessToken: "t" }, { username: "u", password: "t" }],
    ["an identity token", { token: "t" }, { token: "t" }],
    [
      "letters beyond ASCII",
      { username: "ü", password: "пароль" },
      { username: "ü", password: "пароль" },
    ],
  ])("with %s", (_, value, credentials) => {
    expect(read(JSON.stringify(value))).toEqual({ credentials });
    expect(read(value)).toEqual({ credentials });
  });

  it.each([
    ["is not there", undefined],
    ["is empty", ""],
  ])("that %s is told with the command that sets it", (_, value) => {
    expect(read(value)).toEqual({ problem: expect.stringContaining("wrangler secret put HUB") });
  });

  const SECRET = "s3cret-itself";
  it.each<[string, unknown]>([
    ["no JSON", SECRET],
    ["half of JSON", `{"token":"${SECRET}`],
    ["a text", JSON.stringify(SECRET)],
    ["a list", [SECRET]],
    ["null", null],
    ["a password alone", { password: SECRET }],
    ["a user name alone", { username: SECRET }],
    ["an access token alone", { accessToken: SECRET }],
    ["an empty password", { username: SECRET, password: "" }],
    ["an empty token", { token: "" }],
    ["a number for a password", { username: SECRET, password: 5 }],
    ["a colon in the user name", { username: `a:${SECRET}`, password: SECRET }],
    ["a line break in the password", { username: "u", password: `${SECRET}\n` }],
    ["a line break in the token", { token: `${SECRET}\r\nX: y` }],
    ["a NUL in the user name", { username: `${SECRET}\0`, password: "p" }],
    ["another field", { token: SECRET, expires: SECRET }],
    ["both kinds", { username: "u", password: SECRET, token: SECRET }],
  ])("that is %s is told without its value", (_, value) => {
    for (const given of [value, typeof value === "string" ? value : JSON.stringify(value)]) {
      const answer = read(given);
      expect(answer).toEqual({ problem: expect.stringMatching(/secret HUB must be/) });
      expect(JSON.stringify(answer)).not.toContain(SECRET);
    }
  });
});

describe("a rule whose secret is unusable", () => {
  const RULES = [
    { ...GOOD, prefix: "locked", credentials: "HUB" },
    { ...GOOD, prefix: "open" },
  ];

  it.each([
    ["missing", {}],
    ["malformed", { HUB: "s3cret" }],
  ])("has a problem of its own: %s", (_, secrets) => {
    const [locked, open] = readConfig({ RULES, ...secrets }).rules;
    expect(locked?.problem).toContain("HUB");
    expect(locked?.problem).not.toContain("s3cret");
    expect(open).not.toHaveProperty("problem");
  });

  it("has none once it is there, and never holds it", () => {
    const [locked] = readConfig({ RULES, HUB: '{"token":"s3cret"}' }).rules;
    expect(locked).not.toHaveProperty("problem");
    expect(JSON.stringify(locked)).not.toContain("s3cret");
  });
});
