// What a deployment says of itself: its version, and whether what it is bound to answers.

/// <reference types="vite/types/importMeta.d.ts" />
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { VERSION } from "../../src/config/version.ts";
import { api, brittleAccess, shutCache } from "../support/access.ts";

const [PACKAGE = "{}"] = Object.values(
  import.meta.glob<string>("../../package.json", { query: "?raw", import: "default", eager: true }),
);

interface About {
  version: string;
  bindings: { name: string; good: boolean; problem?: string }[];
}

it("the version is that of package.json", () => {
  expect(VERSION).toBe((JSON.parse(PACKAGE) as { version: string }).version);
});

it("all bindings answer; one that does not is named, with why", async () => {
  const about = async (overrides: object = {}): Promise<About> =>
    (await api(shutCache({ ...overrides }), "GET", "about")).json();
  const good = await about();
  expect(good.version).toBe(VERSION);
  expect(good.bindings).toEqual(
    ["META", "BLOBS", "CATALOG", "ACCESS", "PREWARM"].map((name) => ({ name, good: true })),
  );
  const { BLOBS } = env as unknown as { BLOBS: R2Bucket };
  const broken = new Proxy(BLOBS, {
    get: (target, name) =>
      name === "head"
        ? () => Promise.reject(new Error("out of order"))
        : Reflect.get(target, name, target),
  });
  const bad = await about({ BLOBS: broken });
  expect(bad.bindings.filter((one) => !one.good)).toEqual([
    { name: "BLOBS", good: false, problem: "out of order" },
  ]);
});

it("the binding of verdicts is probed where scanners may report, or a rule refuses by verdicts", async () => {
  const scan = async (overrides: object) => {
    const { bindings } = (await (
      await api(shutCache({ ...overrides }), "GET", "about")
    ).json()) as About;
    return bindings.find(({ name }) => name === "SCAN");
  };
  const configured = [
    { SCANNER_TOKEN: "a-scanner-token-of-the-tests-012" },
    { SCANNERS: [{ name: "acme", token: "ACME" }] },
    {
      RULES: [{ prefix: "a", upstream: "ghcr.io", vulnerabilities: { refuse: "critical" } }],
    },
  ];
  for (const variables of configured) {
    expect(await scan(variables)).toEqual({ name: "SCAN", good: true });
    expect(await scan({ ...variables, SCAN: undefined })).toEqual({
      name: "SCAN",
      good: false,
      problem: expect.stringContaining("no binding SCAN"),
    });
  }
  expect(await scan({ SCAN: undefined })).toBeUndefined();
});

it("an object that is away is named too", async () => {
  const { binding, breaks } = brittleAccess();
  const cache = shutCache({ ACCESS: binding });
  await api(cache, "GET", "about");
  breaks();
  const { bindings } = (await (await api(cache, "GET", "about")).json()) as About;
  expect(bindings.filter((one) => !one.good).map(({ name }) => name)).toEqual(["ACCESS"]);
});
