// What a deployment is begun with: the example of secrets, which "Deploy to Cloudflare" asks for and deploys as they are filled in, and
// what it says of each binding.

/// <reference types="vite/types/importMeta.d.ts" />
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
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

describe("the environments", () => {
  interface Deployed {
    name: string;
    vars: { RULES: { prefix: string[]; upstream: string; credentials?: string }[]; AUTH: object };
    r2_buckets: { binding: string; bucket_name: string }[];
    kv_namespaces: { binding: string }[];
    routes?: object[];
    durable_objects: object;
    ratelimits: { name: string; namespace_id: string; simple: object }[];
    [shared: string]: unknown;
  }
  const [top, ...others] = JSON.parse((env as unknown as { DEPLOYED: string }).DEPLOYED) as [
    Deployed,
    ...Deployed[],
  ];

  it("are bound to the same, and run the same, as the top level", () => {
    for (const one of others) {
      for (const field of [
        "durable_objects",
        "migrations",
        "limits",
        "triggers",
        "rules",
        "observability",
        "compatibility_date",
        "compatibility_flags",
        "main",
      ])
        expect([one.name, field, one[field]]).toEqual([one.name, field, top[field]]);
      const limits = ({ ratelimits }: Deployed) =>
        ratelimits.map(({ name, simple }) => ({ name, simple }));
      expect(limits(one)).toEqual(limits(top));
      // The first deployment may write the id of a namespace that it has made into wrangler.toml.
      expect(one.kv_namespaces.map(({ binding }) => binding)).toEqual(["META"]);
      expect(one.r2_buckets.map(({ binding }) => binding)).toEqual(["BLOBS"]);
    }
  });

  it("have no address of the top level's: what is not said of routes is inherited", () => {
    for (const one of others) {
      expect([one.name, Array.isArray(one.routes)]).toEqual([one.name, true]);
      for (const route of top.routes ?? []) expect(one.routes).not.toContainEqual(route);
    }
  });

  it("have storage, counters and names of their own", () => {
    const all = [top, ...others];
    const distinct = (of: (one: Deployed) => string[]) => new Set(all.flatMap(of)).size;
    expect(distinct(({ name }) => [name])).toBe(3);
    expect(distinct(({ r2_buckets }) => r2_buckets.map(({ bucket_name }) => bucket_name))).toBe(3);
    expect(distinct(({ ratelimits }) => ratelimits.map((one) => one.namespace_id))).toBe(6);
  });

  it("have the same rules, with Docker Hub's credentials, and are shut", () => {
    const rulesOf = ({ vars }: Deployed) => vars.RULES.map(({ credentials: _, ...rule }) => rule);
    for (const one of others) {
      expect(rulesOf(one)).toEqual(rulesOf(top));
      expect(one.vars.AUTH).toEqual(top.vars.AUTH);
      expect(one.vars.RULES[0]?.credentials).toBe("DOCKER_HUB");
      const { auth, rules } = readConfig({
        ...one.vars,
        DOCKER_HUB: '{"username":"you","password":"x"}',
      });
      expect([auth.mode, rules.filter(({ problem }) => problem)]).toEqual(["token", []]);
    }
  });
});
