// Explain: signatures, vulnerabilities and the minimum age of a tag.

import { afterEach, describe, expect, it, vi } from "vitest";
import { ADMIN, bearer } from "../support/access.ts";
import { type Cache, fixture } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { trivyReport } from "../support/reports.ts";
import { keyPair, signByTag } from "../support/signing.ts";
import { eventually } from "../support/waiting.ts";
import { cacheOf, expectAsTold, explain, HOUR, image } from "./explaining.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("signatures", () => {
  const keys = keyPair();
  const fields = { verify: [{ images: ["**"], key: "SIGNER" }], verifyMode: "enforce" };

  it("are looked for at the next pull, and then known", async () => {
    const cache = cacheOf(fields, { SIGNER: keys.pem });
    const { name, image: made } = await image("signed");
    await signByTag(name, made, keys);
    const before = await explain(cache, `up/${name}:1`);
    expect(before.text("signature")).toBe(
      "verify asks for a signature by the key SIGNER: the next pull looks for one; an image without it is refused, unless it is a signature, attestation or SBOM",
    );
    const condition = /, if its signature is found: otherwise it returns 403 DENIED$/;
    expect(before.text("next")).toMatch(condition);
    await cache.bytes(`up/${name}/manifests/1`);
    await cache.settled();
    const then = await explain(cache, `up/${name}:1`);
    expect(then.text("signature")).toMatch(
      /^sha256:\w{12} passes verify \(signed by the key SIGNER\), as decided or renewed \d s ago$/,
    );
    expect(then.text("next")).not.toMatch(condition);
  });

  it("are of no use where no entry matches, and nothing is said without verify", async () => {
    const { name } = await image("unmatched");
    const verify = [{ images: ["acme/**"], key: "SIGNER" }];
    const cache = cacheOf({ ...fields, verify, verifyUnmatched: "refuse" }, { SIGNER: keys.pem });
    const path = `up/${name}/manifests/1`;
    const story = await expectAsTold(cache, `up/${name}:1`, path, 403, /returns 403 DENIED/);
    expect(story.text("signature")).toContain("no entry of verify matches the repository");
    expect((await explain(cacheOf(), `up/${name}:1`)).text("signature")).toBe("");
  });
});

describe("vulnerabilities", () => {
  const fields = { vulnerabilities: { refuse: "high" }, vulnerabilitiesMode: "enforce" };
  const report = (
    cache: Cache,
    { digest, config }: { digest: string; config: { digest: string } },
  ) =>
    cache.ask(`https://cache.example/api/verdicts/${digest}`, {
      method: "PUT",
      headers: bearer(ADMIN),
      body: trivyReport({ digest, config }),
    });

  it("are told before a pull that they refuse, by platform where it is an index", async () => {
    const cache = cacheOf(fields);
    const { name, image: made } = await image("vulnerable");
    const cold = await explain(cache, `up/${name}:1`);
    expect(cold.text("vulnerabilities")).toContain("looked up when the image is pulled");
    await cache.bytes(`up/${name}/manifests/1`);
    await cache.settled();
    const unscanned = await explain(cache, `up/${name}:1`);
    expect(unscanned.text("vulnerabilities")).toContain("no scanner has reported on it");
    expect((await report(cache, made)).status).toBe(200);
    later(40_000);
    const path = `up/${name}/manifests/${made.digest}`;
    const whole = `up/${name}@${made.digest}`;
    const story = await expectAsTold(cache, whole, path, 403, /returns 403 DENIED/);
    expect(story.text("vulnerabilities")).toMatch(/is refused, unless .*CVE-2026-1 \(critical/);

    const index = await fixture.index(name, "2", [made]);
    await cache.bytes(`up/${name}/manifests/2`);
    await cache.settled();
    const told = await explain(cache, `up/${name}@${index.digest}`);
    expect(told.status).toBe(200);
    expect(told.text("vulnerabilities")).toMatch(/^linux\/amd64 \(sha256:\w+\) is refused/);
    expect((await explain(cacheOf(), `up/${name}:1`)).text("vulnerabilities")).toBe("");
  });
});

describe("the minimum age of a tag", () => {
  const AGE = { minimumAge: "3h", tagTtl: "30m" };
  const get = async (cache: Cache, name: string) => {
    const response = await cache.fetch(`up/${name}/manifests/1`);
    await response.arrayBuffer();
    await cache.settled();
    return response.status;
  };

  it("is told of a tag that is refused, and of one that is old enough", async () => {
    const { name } = await image("age-first");
    const cache = cacheOf({ ...AGE, minimumAgeFirst: "refuse" });
    expect((await explain(cache, `up/${name}:1`)).text("age")).toContain("the next pull finds out");
    expect(await get(cache, name)).toBe(403);
    const story = await eventually(async () => {
      const one = await explain(cache, `up/${name}:1`);
      expect(one.status).toBe(403);
      return one;
    });
    expect(story.text("age")).toMatch(
      /less than the rule's minimum age of 3 h: it is refused until/,
    );
    later(4 * HOUR);
    expect((await explain(cache, `up/${name}:1`)).text("age")).toContain(
      "until a check confirms it",
    );
    expect(await get(cache, name)).toBe(200);
    const after = await explain(cache, `up/${name}:1`);
    expect([after.status, after.text("age")]).toEqual([
      200,
      "the tag's digest satisfies the rule's minimum age of 3 h",
    ]);
  });

  it("is told of a tag that is held, with the content of what it serves", async () => {
    const { name, image: old } = await image("age-held");
    const cache = cacheOf({ ...AGE, minimumAgeFirst: "serve" });
    expect(await get(cache, name)).toBe(200);
    const young = await fixture.image(name, "1", { seed: `${name}-2` });
    later(HOUR);
    expect(await get(cache, name)).toBe(200);
    const story = await explain(cache, `up/${name}:1`);
    expect(story.status).toBe(200);
    expect(story.text("age")).toContain(`has meant ${young.digest.slice(0, 19)} for`);
    expect(story.text("age")).toContain(`serves ${old.digest.slice(0, 19)}`);
    expect(story.text("content")).toContain(old.digest.slice(0, 19));
  });

  it("is told of a rule that only reports", async () => {
    const { name } = await image("age-report");
    const cache = cacheOf({ ...AGE, minimumAgeFirst: "refuse", minimumAgeMode: "report" });
    expect(await get(cache, name)).toBe(200);
    const story = await explain(cache, `up/${name}:1`);
    expect(story.status).toBe(200);
    expect(story.text("age")).toContain("it is served, since the rule only reports");
  });
});
