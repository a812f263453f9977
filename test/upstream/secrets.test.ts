// What a secret holds is given to the rules that its deployer bound it to, by today's configuration, whatever rule is handed in.

import { describe, expect, it } from "vitest";
import { Lender } from "../../src/upstream/authorization/lender.ts";
import { openSecrets } from "../../src/upstream/authorization/secrets.ts";
import { ruleOf } from "../config/rules.ts";

const HUB = JSON.stringify({ username: "user", password: "p" });
const upstream = "https://registry.example.com";
const rule = ruleOf({ upstream, credentials: "HUB" });
const other = ruleOf({ upstream: "https://evil.example", credentials: "HUB" });
const RULES = [{ prefix: "p", upstream: "quay.io" }];
const good = { credentials: { username: "user", password: "p" } };

describe("a secret", () => {
  it.each<{ title: string; variables: Record<string, unknown>; isGiven: boolean }>([
    {
      title: "of a rule",
      variables: { RULES: [{ prefix: "p", upstream, credentials: "HUB" }] },
      isGiven: true,
    },
    { title: "of SECRETS", variables: { RULES, SECRETS: { HUB: upstream } }, isGiven: true },
    { title: "of neither", variables: { RULES }, isGiven: false },
    {
      title: "of a rule that was moved",
      variables: { RULES: [{ ...RULES[0], credentials: "HUB" }] },
      isGiven: false,
    },
    {
      title: "of a configuration that cannot be used",
      variables: { RULES: [{ upstream, credentials: "HUB" }] },
      isGiven: false,
    },
  ])("$title", ({ variables, isGiven }) => {
    const secrets = openSecrets({ ...variables, HUB });
    const secret = secrets(rule, "HUB");
    if (isGiven) expect(secret).toEqual(good);
    else expect(secret).toEqual({ problem: expect.stringContaining("the secret HUB is bound") });
    expect(secrets(other, "HUB")).toEqual({ problem: expect.stringContaining("is bound") });
  });

  it("is not lent for a fill that was begun under yesterday's rule", async () => {
    const lender = new Lender({ RULES, HUB }, async (error) => error);
    await expect(
      lender.lend({ rule: rule, scope: "repository:a:pull", by: undefined }),
    ).rejects.toThrow("is bound to no host");
  });
});
