// SECRETS, where it is read: what it becomes, and how a bad one is told.

import { expect, it } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { unboundIn } from "../../src/config/secrets.ts";
import { GOOD, problemsOf, ruleOf } from "./rules.ts";

const mayGo = (SECRETS: unknown, fields: object) =>
  unboundIn(
    readConfig({ RULES: [GOOD], SECRETS }).bindings,
    ruleOf({ credentials: "HUB", ...fields }),
  ) === undefined;

it.each<{ SECRETS: unknown; upstream: string; allowed: boolean }>([
  { SECRETS: { HUB: ["docker.io"] }, upstream: "docker.io", allowed: true },
  { SECRETS: { HUB: "https://registry-1.docker.io/" }, upstream: "index.docker.io", allowed: true },
  { SECRETS: { HUB: ["a.example", "b.example:5000"] }, upstream: "b.example:5000", allowed: true },
  { SECRETS: { HUB: ["A.Example:443"] }, upstream: "a.example", allowed: true },
  { SECRETS: { HUB: ["https://a.example/x"] }, upstream: "https://a.example/x/y", allowed: true },
  { SECRETS: { HUB: ["https://a.example/x"] }, upstream: "https://a.example/xy", allowed: false },
  { SECRETS: { HUB: ["http://a.example"] }, upstream: "https://a.example", allowed: false },
  { SECRETS: { OTHER: ["a.example"] }, upstream: "a.example", allowed: false },
  { SECRETS: {}, upstream: "a.example", allowed: false },
  { SECRETS: "", upstream: "a.example", allowed: false },
  { SECRETS: undefined, upstream: "a.example", allowed: false },
  { SECRETS: '{"HUB":["a.example"]}', upstream: "a.example", allowed: true },
])("$SECRETS: a rule for $upstream may use it, $allowed", ({ SECRETS, upstream, allowed }) => {
  expect(mayGo(SECRETS, { upstream })).toBe(allowed);
});

it.each<[unknown, string]>([
  ["{", "SECRETS: is not JSON"],
  [["a.example"], "SECRETS: must be a table"],
  ["[1]", "SECRETS: must be a table"],
  [{ HUB: [] }, "SECRETS.HUB: must be a base URL"],
  [{ HUB: 1 }, "SECRETS.HUB: must be a base URL"],
  [{ HUB: ["a.example", "ftp://b.example"] }, "SECRETS.HUB[1]: must start with https://"],
  [{ HUB: "https://user:s3cret@a.example" }, "SECRETS.HUB: must not contain a user name"],
  [{ HUB: "https://a.example/v2/" }, "SECRETS.HUB: must be given without /v2"],
  [{ HUB: "https://a.example/*" }, "SECRETS.HUB: has a path"],
  [{ "not a name": "a.example" }, "SECRETS.not a name: must be the name of a secret"],
  [{ ADMIN_TOKEN: "a.example" }, "SECRETS.ADMIN_TOKEN: is one of the cache's own secrets"],
])("%j is refused, with the field's path", (SECRETS, message) => {
  const problems = problemsOf({ RULES: [GOOD], SECRETS });
  expect(problems).toEqual([expect.stringContaining(message)]);
  expect(problems.join()).not.toContain("s3cret@");
});

it("a rule of the configuration needs no line of it", () => {
  const rule = { ...GOOD, credentials: "HUB" };
  expect(problemsOf({ RULES: [rule] })).toEqual([]);
  const { bindings, rules } = readConfig({ RULES: [rule] });
  expect(unboundIn(bindings, rules[0]?.rule as never)).toBeUndefined();
});
