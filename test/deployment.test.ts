// What a deployment is begun with: the example of secrets, which "Deploy to Cloudflare" asks for and deploys as they are filled in, and
// what it says of each binding.

/// <reference types="vite/types/importMeta.d.ts" />
import { expect, it } from "vitest";
import { readConfig } from "../src/config/read.ts";

const [wrangler = ""] = Object.values(
  import.meta.glob<string>("../wrangler.toml", { query: "?raw", import: "default", eager: true }),
);
const [example = ""] = Object.values(
  import.meta.glob<string>("../.dev.vars.example", {
    query: "?raw",
    import: "default",
    eager: true,
  }),
);
const [packaged = ""] = Object.values(
  import.meta.glob<string>("../package.json", { query: "?raw", import: "default", eager: true }),
);
const described = Object.keys(JSON.parse(packaged).cloudflare.bindings);
const entries = example.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

it("no secret of the example has a value, and each is described", () => {
  expect(entries.length).toBeGreaterThan(1);
  for (const entry of entries) {
    expect(entry).toMatch(/^[A-Z_]+=$/);
    expect(described).toContain(entry.slice(0, -1));
  }
});

it("what is described is bound, or a secret of the example", () => {
  for (const name of described) {
    const isBound = wrangler.includes(`binding = "${name}"`) || wrangler.includes(`[vars.${name}]`);
    const isSecret = entries.includes(`${name}=`) || wrangler.includes(`[[vars.${name}]]`);
    expect([name, isBound || isSecret]).toEqual([name, true]);
  }
});

it("a secret that was left empty is as one that is not there", () => {
  const rule = { prefix: "docker.io", upstream: "docker.io", credentials: "DOCKER_HUB" };
  const problemOf = (secrets: object) =>
    readConfig({ AUTH: { mode: "token" }, RULES: [rule], ...secrets }).rules[0]?.problem;
  expect(problemOf({ DOCKER_HUB: "" })).toBe(problemOf({}));
  expect(problemOf({})).toContain("npx wrangler secret put DOCKER_HUB");
});
