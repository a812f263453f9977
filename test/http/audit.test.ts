// The audit of pulls: who pulled what, as requested and as served, and what refused it; in the log and in Analytics Engine.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { ADMIN, api, basic, pullToken, shutCache } from "../support/access.ts";
import { counting, untouchable } from "../support/bindings.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { doorsOf } from "../support/doors.ts";
import { heard, secretIn } from "../support/secrets.ts";
import { problemOf } from "./problem.ts";

const AUDIT = { to: ["log"] };
const OBJECTS = ["BLOB_FILL", "MANIFEST_FILL", "TAG_FILL", "LIST_FILL", "UPSTREAM_GATE"];

afterEach(() => {
  vi.restoreAllMocks();
});

interface Line {
  message: string;
  [field: string]: unknown;
}

/** @returns the lines of the audit since, as they were logged */
function listening(): () => string[] {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  return () =>
    log.mock.calls
      .map(([line]) => line as string)
      .filter((line) => (JSON.parse(line) as Line).message === "entrepot: pull");
}

function parsed(lines: string[]): Line[] {
  return lines.map((line) => JSON.parse(line) as Line);
}

describe("a pull's record", () => {
  it("has who pulled what, when, as requested and as served; each child of an index has its own", async () => {
    const name = repository("audited");
    const child = await fixture.image(name, undefined);
    const index = await fixture.index(name, "1", [
      { ...child, platform: { os: "linux", architecture: "amd64" } },
    ]);
    const cache = shutCache({ AUDIT });
    const { id, token } = await pullToken(cache, ["open/**"]);
    const headers = { ...basic(token), "User-Agent": "containerd/2.1", "CF-Ray": "abc-DEF" };
    const path = `open/${name}/manifests`;
    const lines = listening();
    await cache.fetch(`${path}/1`, { headers, method: "HEAD" });
    await cache.fetch(`${path}/${index.digest}`, { headers });
    await cache.fetch(`${path}/${child.digest}`, { headers });
    await cache.fetch(`${path}/1`, { headers });
    const known = { ...headers, "If-None-Match": `"${index.digest}"` };
    await cache.fetch(`${path}/1`, { headers: known });
    const common = {
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      who: `token ${id}`,
      decision: "served",
      rule: "open",
      repository: name,
      name: `open/${name}`,
      agent: "containerd/2.1",
      ray: "abc-DEF",
    };
    const digest = index.digest;
    expect(parsed(lines())).toEqual([
      { message: "entrepot: pull", ...common, method: "HEAD", reference: "1", digest, status: 200 },
      ...[
        { reference: digest, digest, status: 200 },
        { reference: child.digest, digest: child.digest, status: 200 },
        { reference: "1", digest, status: 200 },
        { reference: "1", digest, status: 304 },
      ].map((own) => ({ message: "entrepot: pull", ...common, method: "GET", ...own })),
    ]);
  });

  it("is not made of what is neither served nor refused by a decision, nor of a HEAD of a digest, nor of blobs and lists", async () => {
    const name = repository("unaudited");
    const { digest, layers } = await fixture.image(name, "1");
    const cache = shutCache({ AUDIT });
    const { token } = await pullToken(cache, ["open/**"]);
    const lines = listening();
    const path = `open/${name}`;
    await cache.fetch(`${path}/manifests/1`);
    const headers = basic(token);
    await cache.fetch(`${path}/manifests/none`, { headers });
    await cache.fetch(`${path}/manifests/${digest}`, { headers, method: "HEAD" });
    await cache.fetch(`${path}/blobs/${layers[0]?.digest}`, { headers });
    await cache.fetch(`${path}/tags/list`, { headers });
    await cache.fetch("open/UPPER/manifests/1", { headers });
    await cache.fetch("", { headers });
    expect(lines()).toEqual([]);
  });

  it("is independent of LOG, and is not made unless AUDIT asks for it", async () => {
    const name = repository("levels");
    await fixture.image(name, "1");
    const lines = listening();
    await cacheApart({}, { LOG: "all" }).bytes(`open/${name}/manifests/1`);
    expect(lines()).toEqual([]);
    await cacheApart({}, { LOG: "none", AUDIT }).bytes(`open/${name}/manifests/1`);
    expect(parsed(lines())).toMatchObject([{ who: "anybody", decision: "served" }]);
  });

  it("costs no operation of a store, and asks no object", async () => {
    const name = repository("cheap");
    await fixture.image(name, "1");
    const path = `open/${name}/manifests/1`;
    const first = new Cache();
    await first.bytes(path);
    await first.settled();
    const { BLOBS, META } = env as unknown as Env;
    const objects = Object.fromEntries(OBJECTS.map((binding) => [binding, untouchable(binding)]));
    const lines = listening();
    const operations = async (more: object) => {
      const [kv, r2] = [counting(META), counting(BLOBS)];
      const cache = new Cache({ ...objects, META: kv.binding, BLOBS: r2.binding, ...more });
      await cache.bytes(path);
      await cache.settled();
      return [kv.calls, r2.calls];
    };
    const without = await operations({});
    expect(await operations({ AUDIT })).toEqual(without);
    expect(lines()).toHaveLength(1);
  });
});

describe("a refused pull's record says what refused it", () => {
  it("access: a name that the token does not cover, by GET and by HEAD", async () => {
    const name = repository("beyond");
    const cache = shutCache({ AUDIT });
    const { id, token } = await pullToken(cache, ["open/**"]);
    const lines = listening();
    const headers = basic(token);
    await cache.fetch(`robot/${name}/manifests/1`, { headers });
    await cache.fetch(`robot/${name}/manifests/1`, { headers, method: "HEAD" });
    const common = {
      who: `token ${id}`,
      decision: "refused",
      refusedBy: "access",
      status: 403,
      rule: "robot",
      repository: name,
      name: `robot/${name}`,
      reference: "1",
      why: expect.stringContaining("not allowed to pull"),
    };
    expect(parsed(lines())).toMatchObject([
      { ...common, method: "GET" },
      { ...common, method: "HEAD" },
    ]);
    expect(parsed(lines())[0]).not.toHaveProperty("digest");
  });

  it("list: a tag, and the digest that a tag means", async () => {
    const name = repository("listed");
    const { digest } = await fixture.image(name, "1");
    const denied = {
      denyDigests: [digest],
      deny: ["**:beta"],
      denyReason: "ask the platform team",
    };
    const cache = cacheApart(denied, { AUDIT });
    const lines = listening();
    await cache.fetch(`open/${name}/manifests/beta`);
    await cache.fetch(`open/${name}/manifests/1`);
    const common = { decision: "refused", refusedBy: "list", why: "ask the platform team" };
    expect(parsed(lines())).toMatchObject([
      { ...common, reference: "beta" },
      { ...common, reference: "1", digest },
    ]);
  });

  it("quarantine, with the digest", async () => {
    const name = repository("held");
    const { digest } = await fixture.image(name, "1");
    const made = await api(new Cache({ ADMIN_TOKEN: ADMIN }), "POST", "quarantine", {
      digest,
      reason: "CVE-2026-1234",
    });
    expect(made.status).toBe(201);
    const lines = listening();
    await new Cache({ AUDIT }).fetch(`open/${name}/manifests/1`);
    expect(parsed(lines())).toMatchObject([
      { decision: "refused", refusedBy: "quarantine", digest, why: expect.stringMatching(/CVE/) },
    ]);
  });

  it("transport: a login that is needed, over http", async () => {
    const cache = shutCache({ AUDIT }, { insecureHttp: true });
    const lines = listening();
    await cache.ask("http://host.docker.internal:8787/v2/open/app/manifests/1");
    expect(parsed(lines())).toMatchObject([
      { decision: "refused", refusedBy: "transport", status: 403, name: "open/app" },
    ]);
  });

  it("upstream: its own 403", async () => {
    const name = repository("upstream-refuses");
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 403 } });
    const lines = listening();
    await cacheApart({}, { AUDIT }).fetch(`open/${name}/manifests/1`);
    expect(parsed(lines())).toMatchObject([
      { decision: "refused", refusedBy: "upstream", status: 403, repository: name },
    ]);
  });
});

describe("AUDIT.repositories", () => {
  it("selects by any name of a repository, also of one that is refused", async () => {
    const name = repository("chosen");
    await fixture.image(name, "1");
    const [open, ...others] = doorsOf(fixture) as [object, ...object[]];
    const RULES = [{ ...open, prefix: ["open", "alias"] }, ...others];
    const cache = shutCache({
      RULES,
      AUDIT: { ...AUDIT, repositories: [`alias/${name}`, "robot/*"] },
    });
    const { token } = await pullToken(cache, ["open/**"]);
    const headers = basic(token);
    const other = repository("not-chosen");
    await fixture.image(other, "1");
    const lines = listening();
    for (const path of [`open/${name}`, `alias/${name}`, `open/${other}`, `robot/${name}`])
      await cache.fetch(`${path}/manifests/1`, { headers });
    expect(parsed(lines())).toMatchObject([
      { name: `open/${name}`, decision: "served" },
      { name: `alias/${name}`, decision: "served" },
      { name: `robot/${name}`, decision: "refused" },
    ]);
  });

  it("an invalid AUDIT answers every request 500, with the field's path", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const cache = cacheApart({}, { AUDIT: { to: "syslog" } });
    const { status, message } = await problemOf(cache.fetch(""));
    expect([status, message]).toEqual([500, expect.stringContaining("AUDIT.to: must be")]);
  });
});

describe("a secret or hostile text", () => {
  it("a token that a client puts into a tag or its own name is in no record", async () => {
    const name = repository("spilt");
    await fixture.image(name, "1");
    const points: unknown[] = [];
    const AUDIT_ANALYTICS = { writeDataPoint: (point: unknown) => points.push(point) };
    const auditing = { AUDIT: { to: ["log", "analytics"] }, AUDIT_ANALYTICS };
    const cache = shutCache(auditing);
    const { token } = await pullToken(cache, ["open/**"]);
    const jwt = await cache.ask(
      `https://cache.example/token?service=entrepot&scope=repository:open/${name}:pull`,
      { headers: basic(token) },
    );
    const { token: bearer } = (await jwt.json()) as { token: string };
    const lines = listening();
    for (const secret of [token, bearer]) {
      const headers = {
        ...basic(token),
        "User-Agent": `${"x".repeat(180)} ${secret}`,
        "CF-Ray": secret,
      };
      await cache.fetch(`open/${name}/manifests/1`, { headers });
    }
    const denying = new Cache({
      RULES: doorsOf(fixture, "", { deny: ["**:entrepot*"] }),
      ...auditing,
    });
    await denying.fetch(`open/${name}/manifests/${token}`);
    expect(heard()).toHaveLength(1); // the answer repeats to the client what it sent
    expect([lines().length, points.length]).toEqual([3, 3]);
    expect(parsed(lines())[2]).toMatchObject({ decision: "refused", reference: "[token]" });
    for (const text of [...lines(), JSON.stringify(points)]) {
      expect(secretIn(text)).toBeUndefined();
      for (const secret of [token, bearer]) expect(text).not.toContain(secret.slice(0, 20));
    }
  });

  it("an agent's control and reordering characters reach no terminal, and its length is bounded", async () => {
    const name = repository("hostile");
    await fixture.image(name, "1");
    const points: { blobs: string[] }[] = [];
    const AUDIT_ANALYTICS = { writeDataPoint: (point: { blobs: string[] }) => points.push(point) };
    const cache = cacheApart({}, { AUDIT: { to: ["log", "analytics"] }, AUDIT_ANALYTICS });
    const lines = listening();
    const agent = `\u009b31m"},{"message":"entrepot: pull","who":"token forged" ${"y".repeat(300)}`;
    const headers = { "User-Agent": agent, "CF-Ray": "\u0085ray" };
    await cache.fetch(`open/${name}/manifests/1`, { headers });
    const [line = ""] = lines();
    const texts = [line, ...(points[0]?.blobs ?? [])];
    for (const text of texts) expect(text).toMatch(/^[ -~…]*$/);
    expect(parsed(lines())).toMatchObject([{ who: "anybody", decision: "served" }]);
    expect(line.length).toBeLessThan(1_500);
  });
});

describe("Analytics Engine", () => {
  it("gets a point for each record, and no line is logged", async () => {
    const name = repository("point");
    const { digest } = await fixture.image(name, "1");
    const writeDataPoint = vi.fn();
    const bound = { AUDIT: { to: "analytics" }, AUDIT_ANALYTICS: { writeDataPoint } };
    const cache = cacheApart({ deny: ["**:beta"] }, bound);
    const lines = listening();
    const headers = { "User-Agent": "an-agent", "CF-Ray": "ray" };
    await cache.fetch(`open/${name}/manifests/1`, { headers });
    await cache.fetch(`open/${name}/manifests/beta`, { headers });
    const why = `"${name}:beta" may not be pulled from this cache`;
    const named = ["anybody", "open", name, `open/${name}`];
    expect(writeDataPoint.mock.calls.map(([point]) => point)).toEqual([
      {
        indexes: [`open/${name}`],
        blobs: ["served", "GET", ...named, "1", digest, "", "", "", "an-agent", "ray"],
        doubles: [200],
      },
      {
        indexes: [`open/${name}`],
        blobs: ["refused", "GET", ...named, "beta", "", "list", "", why, "an-agent", "ray"],
        doubles: [403],
      },
    ]);
    expect(lines()).toEqual([]);
  });

  it("a dataset that is not bound, or fails, loses no record: it is logged", async () => {
    const name = repository("unbound");
    await fixture.image(name, "1");
    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const lines = listening();
    const writeDataPoint = () => {
      throw new Error("too many points");
    };
    for (const more of [{}, { AUDIT_ANALYTICS: { writeDataPoint } }]) {
      const cache = cacheApart({}, { AUDIT: { to: "analytics" }, ...more });
      expect((await cache.fetch(`open/${name}/manifests/1`)).status).toBe(200);
    }
    expect(parsed(lines())).toMatchObject([{ decision: "served" }, { decision: "served" }]);
    expect(errors.mock.calls.map(([text]) => text)).toEqual([
      expect.stringContaining("no dataset is bound as AUDIT_ANALYTICS"),
      expect.stringContaining("too many points"),
    ]);
  });
});
