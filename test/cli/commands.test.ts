// The commands against a cache: what they print of its answers, for people and for scripts, and what they end with.

import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN, basic, bearer, shutCache } from "../support/access.ts";
import { fixture, repository } from "../support/cache.ts";
import { cli, cliOf, URL_OF_CACHE } from "../support/cli.ts";
import { pullWhole } from "../support/lifecycle.ts";

const NAME = repository("commanded");
const DIGEST = `sha256:${"c".repeat(64)}`;
const RULES = [
  { prefix: "open", upstream: fixture.url("open"), anonymous: true },
  { prefix: "wrong", upstream: fixture.url("basic"), credentials: "WRONG" },
];
const cache = shutCache({ RULES });
const entrepot = cliOf(cache);

interface Made {
  id: string;
  token: string;
}

async function create(name: string, ...more: string[]): Promise<Made> {
  const { out } = await entrepot("tokens", "create", name, "--repositories", "open/**", ...more);
  return JSON.parse(out);
}

const apiSays = async (path: string, method = "GET") =>
  (await cache.ask(`${URL_OF_CACHE}/api${path}`, { method, headers: bearer(ADMIN) })).json();

/** What has moved on between two questions. */
const withoutTimes = (result: unknown) =>
  JSON.parse(JSON.stringify(result).replaceAll(/\b\d+ (ms|s)\b|T\d\d:[\d:.]+Z/g, "…"));

beforeAll(async () => {
  await pullWhole(cache, `open/${NAME}`, "1", await fixture.image(NAME, "1"));
});

describe("--json of what reads is what the API answers", () => {
  it.each([
    { line: "rules list", path: "/rules", method: "GET" },
    { line: "rules validate open", path: "/rules/validate?rule=open", method: "POST" },
    { line: "quarantine list", path: "/quarantine", method: "GET" },
    { line: "allow list", path: "/allowances", method: "GET" },
    { line: "held list", path: "/held", method: "GET" },
    { line: "upstreams", path: "/upstreams", method: "GET" },
    { line: "tokens list", path: "/tokens", method: "GET" },
    { line: "lifecycle preview", path: "/lifecycle/preview", method: "POST" },
    { line: "lifecycle runs --n 3", path: "/lifecycle/runs?n=3", method: "GET" },
    { line: "lifecycle events --n 3", path: "/lifecycle/events?n=3", method: "GET" },
    { line: "lifecycle policies", path: "/lifecycle/policies", method: "GET" },
    { line: "catalog show --days 2", path: "/catalog?days=2", method: "GET" },
    { line: `explain open/${NAME}:1`, path: `/explain?reference=open/${NAME}:1`, method: "GET" },
  ])("$line", async ({ line, path, method }) => {
    const { code, out, err } = await entrepot(...line.split(" "), "--json");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(withoutTimes(JSON.parse(out))).toEqual(withoutTimes(await apiSays(path, method)));
  });

  it("without --json at least one line of text, and no JSON", async () => {
    for (const line of [
      "rules list",
      "upstreams",
      "quarantine list",
      "allow list",
      "held",
      "lifecycle runs",
      "lifecycle policies",
    ]) {
      const { code, out } = await entrepot(...line.split(" "));
      expect([line, code]).toEqual([line, 0]);
      expect(out).toMatch(/^[^{[\n]{5}/);
    }
  });
});

describe("tokens", () => {
  it("are alone on standard output; their repositories and end are on standard error", async () => {
    const globs = ["--repositories", "open/a, open/b", "--repositories", "open/c"];
    const ever = await entrepot("tokens", "create", "ever", ...globs);
    expect(ever.out).toMatch(/^entrepot_[0-9A-Za-z]{49}$/);
    expect(ever.err).toMatch(
      /^"ever" may pull open\/a, open\/b, open\/c and never expires \(no --expiry\); its id is /,
    );
    const { err } = await entrepot("tokens", "create", "day", ...globs, "--expiry", "1d");
    expect(err).toMatch(/open\/c until \d{4}-\d\d-\d\d \d\d:\d\d; its id is /);
  });

  it("of a tool that only looks are made so, and listed so", async () => {
    const looks = await create("looks", "--no-touch", "--json");
    const keeps = await create("keeps", "--json");
    const { out } = await entrepot("tokens", "list");
    const line = (id: string) => out.split("\n").find((one) => one.startsWith(id));
    expect(line(looks.id)).toMatch(/ no touch$/);
    expect(line(keeps.id)).not.toContain("alive");
  });

  it("are revoked by the beginning of an id, as explain prints it, or by the whole", async () => {
    for (const length of [8, 36]) {
      const { id, token } = await create(`revoked-${length}`, "--json");
      const path = `open/${NAME}/manifests/1`;
      expect((await cache.fetch(path, { headers: basic(token) })).status).toBe(200);
      const { code, out } = await entrepot("tokens", "revoke", id.slice(0, length).toUpperCase());
      expect({ code, out }).toEqual({
        code: 0,
        out: `revoked "revoked-${length}"; takes effect everywhere within a minute`,
      });
      const { tokens } = (await apiSays("/tokens")) as { tokens: { id: string; state: string }[] };
      expect(tokens.find((one) => one.id === id)?.state).toBe("revoked");
    }
  });

  it("are not revoked by a prefix of no id, or of several", async () => {
    const ids = [1, 2].map((last) => `6b1f2a90-0000-4000-8000-00000000000${last}`);
    const methods: string[] = [];
    const two = async (request: Request) => {
      methods.push(request.method);
      return Response.json({ tokens: ids.map((id, at) => ({ id, name: `token ${at}` })) });
    };
    const revoke = (id: string) => cli(["tokens", "revoke", id, "--url", URL_OF_CACHE], two);
    const none = await revoke("ffffff");
    expect(none.code).toBe(1);
    expect(none.err).toBe("✘ no pull token has an id that begins with ffffff; see tokens list");
    const several = await revoke("6b1f2a90");
    expect(several.code).toBe(1);
    expect(several.err).toContain(`"token 0" (${ids[0]}), "token 1" (${ids[1]})`);
    expect(methods).toEqual(["GET", "GET"]);
  });
});

describe("images", () => {
  it("are listed with their own pulls and those of the repository, and when they were pulled last, as far as that is known", async () => {
    const image = (tag: string, more: object) => ({
      name: "open/alpine",
      place: "registry.example//alpine",
      digest: `sha256:${"0".repeat(64)}`,
      tags: [tag],
      platforms: [],
      size: 1000,
      cachedAt: "2026-11-01T00:00:00Z",
      pinned: false,
      repository: { pulls: 9, unassigned: 2 },
      ...more,
    });
    const images = [
      image("3.20", { pulls: 4, pulledAt: "2026-11-26T14:05:00Z" }),
      image("3.21", { pulls: 3, unknownSince: "2026-11-20T08:00:00Z" }),
      image("3.22", { pulls: 0 }),
    ];
    const { code, out } = await cli(["images", "list", "--url", URL_OF_CACHE], async () =>
      Response.json({ images }),
    );
    expect(code).toBe(0);
    const [head, ...rows] = out.split("\n").map((row) => row.split(/ {2,}/));
    const column = (name: string) => head?.indexOf(name) as number;
    // An empty cell (platforms) leaves no column of its own.
    expect(rows.slice(0, 3).map((row) => row.slice(column("last pulled") - 1))).toEqual([
      ["2026-11-26 14:05", "4", "9"],
      ["unknown (catalog rebuilt 2026-11-20 08:00)", "3", "9"],
      ["never", "0", "9"],
    ]);
    expect(rows[3]?.join(" ")).toBe(
      "open/alpine: 2 more pulls counted by repository only, before pulls were counted by image",
    );
  });
});

describe("what is asked about and bad ends with 1", () => {
  it("an image that would be refused", async () => {
    const result = await entrepot("explain", "nowhere.example/app:1");
    expect(result.code).toBe(1);
    expect(result.out).toContain("✘ ");
    expect((await entrepot("explain", `open/${NAME}:1`)).code).toBe(0);
  });

  it("explain keeps names and texts of its steps apart, also of the longest name", async () => {
    const steps = ["rule", "vulnerabilities"].map((about) => ({ about, mark: "good", text: "ok" }));
    const story = { reference: "open/x:1", status: 200, steps };
    const { out } = await cli(["explain", "open/x:1", "--url", URL_OF_CACHE], () =>
      Promise.resolve(Response.json(story)),
    );
    expect(out).toBe("open/x:1\n✔ rule            ok\n✔ vulnerabilities ok");
  });

  it("a rule that its upstream rejects; with --json all rules, as a list", async () => {
    const result = await entrepot("rules", "validate");
    expect(result.code).toBe(1);
    expect(result.out).toMatch(/^✔ open\n/);
    expect(result.out).toMatch(/^✘ wrong\n/m);
    const { code, out } = await entrepot("rules", "validate", "--json");
    expect(code).toBe(1);
    const valid = (JSON.parse(out) as { valid: boolean }[]).map((one) => one.valid);
    expect(valid).toEqual([true, false]);
  });

  it("a sweep, or a rebuilding, that failed", async () => {
    const none = { images: 0, tags: 0, manifests: 0, blobs: 0 };
    const run = { id: 7, examined: 3, expired: [], revived: 0, waiting: {}, deleted: none };
    const failed = { ...run, bytesFreed: 0, unfinished: true, error: "marking: a fault" };
    const sweep = (...more: string[]) =>
      cli(["lifecycle", "sweep", "--url", URL_OF_CACHE, ...more], async () =>
        Response.json(failed),
      );
    const result = await sweep();
    expect({ code: result.code, out: result.out }).toEqual({ code: 1, out: "" });
    expect(result.err).toMatch(
      /^✘ run 7: 3 images examined.*\n✘ the sweep failed at marking: a fault$/s,
    );
    const { code, out } = await sweep("--json");
    expect({ code, told: JSON.parse(out) }).toEqual({ code: 1, told: failed });
    const rebuild = ["catalog", "rebuild", "--url", URL_OF_CACHE, "--json"];
    const half = await cli(rebuild, async () =>
      Response.json({ done: false, adopted: 1, error: "blobs: a fault" }),
    );
    expect({ code: half.code, out: half.out }).toEqual({ code: 1, out: "" });
    expect(half.err).toBe(
      "✘ the rebuild failed at blobs: a fault; run the command again to continue",
    );
  });

  it("a delete that deletes nothing yet: its tag is being checked, or has moved", async () => {
    const none = { reference: "open/x:1", digest: DIGEST, tags: [], image: false, freed: 0 };
    const drop = (waiting: string[]) =>
      cli(["delete", "open/x:1", "--url", URL_OF_CACHE], async () =>
        Response.json({ ...none, waiting }),
      );
    expect(await drop(["1"])).toMatchObject({
      code: 1,
      out: "being checked right now; the next sweep deletes: 1",
    });
    expect(await drop([])).toMatchObject({
      code: 1,
      out: "open/x:1 has moved in the meantime; nothing was deleted",
    });
  });

  it("a tag that cannot be refreshed, among others that can", async () => {
    const images = [`open/${NAME}:missing`, `open/${NAME}:1`];
    const result = await entrepot("refresh", ...images);
    expect(result.code).toBe(1);
    expect(result.err).toContain(`✘ open/${NAME}:missing: `);
    expect(result.out).toMatch(/^✔ open\/\S+:1 {2}sha256:\w{64} {2}unchanged$/);
    const { code, out } = await entrepot("refresh", ...images, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { reference: images[0], error: expect.any(String) },
      { reference: images[1], moved: false },
    ]);
  });
});

it("what does something prints the API's answer with --json", async () => {
  const added = await entrepot("quarantine", "add", DIGEST, "--reason", "a test", "--json");
  expect(JSON.parse(added.out)).toMatchObject({ digest: DIGEST, reason: "a test" });
  const removed = await entrepot("quarantine", "remove", DIGEST, "--json");
  expect(JSON.parse(removed.out)).toEqual({ digest: DIGEST });
  const allowed = await entrepot("allow", DIGEST, "--until", "1h", "--reason", "a fix", "--json");
  expect(JSON.parse(allowed.out)).toMatchObject({ digest: DIGEST, reason: "a fix" });
  expect((await entrepot("allow", "list")).out).toMatch(/a fix$/);
  const own = await entrepot("allow", "confirm", DIGEST);
  expect([own.code, own.err]).toEqual([1, expect.stringContaining("another person must confirm")]);
  const ended = await entrepot("allow", "remove", DIGEST, "--json");
  expect(JSON.parse(ended.out)).toMatchObject({ digest: DIGEST, who: "the admin token" });
  const { id } = await create("json", "--json");
  const revoked = await entrepot("tokens", "revoke", id, "--json");
  expect(JSON.parse(revoked.out)).toMatchObject({ id, state: "revoked" });
  const swept = await entrepot("lifecycle", "sweep", "--json");
  expect(JSON.parse(swept.out)).toMatchObject({ trigger: "request", deleted: { images: 0 } });
  const rebuilt = await entrepot("catalog", "rebuild", "--json");
  expect(JSON.parse(rebuilt.out)).toMatchObject({ done: true, adopted: expect.any(Number) });
});

describe("the doctor", () => {
  it("reports no fault on a good cache, with --json every check, and leaves no valid token", async () => {
    const args = ["doctor", "--skip-validate", "--image", `open/${NAME}:1`];
    const { code, out, err } = await entrepot(...args);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/second pull: .* in \d+ ms \(.*hit/);
    const result = JSON.parse((await entrepot(...args, "--json")).out);
    expect(result).toMatchObject({ url: URL_OF_CACHE, good: true });
    const { tokens } = (await apiSays("/tokens")) as { tokens: { name: string; state: string }[] };
    const own = tokens.filter(({ name }) => name === "doctor");
    expect(own.map(({ state }) => state)).toEqual(["revoked", "revoked"]);
  });

  it("ends with 1 on a fault, and prints it among the other checks", async () => {
    const args = ["doctor", "--image", `open/${NAME}:missing`];
    const { code, out } = await entrepot(...args);
    expect(code).toBe(1);
    expect(out).toMatch(/^✘ rule wrong: /m);
    expect(out).toMatch(/^✘ open\/.*\/manifests\/missing answered 404/m);
    const result = JSON.parse((await entrepot(...args, "--json")).out);
    expect(result.good).toBe(false);
  });

  const MINUTE = 60_000;
  const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE).toISOString();
  /** What the doctor says of sweeps where the API answers these. */
  const saidOf = async (runs: object[]) => {
    const args = ["doctor", "--skip-validate", "--image", `open/${NAME}:1`, "--json"];
    const { out } = await cli([...args, "--url", URL_OF_CACHE], (request) =>
      new URL(request.url).pathname === "/api/lifecycle/runs"
        ? Promise.resolve(Response.json({ runs }))
        : cache.ask(request.url, request),
    );
    const { findings } = JSON.parse(out) as { findings: { mark: string; text: string }[] };
    return findings.filter(({ text }) => text.includes("sweep"));
  };

  it.each([
    {
      title: "that is running",
      runs: [{ startedAt: ago(3) }],
      expected: [{ mark: "good", text: "a sweep is running; it started 3 min ago" }],
    },
    {
      title: "that is running for too long",
      runs: [{ startedAt: ago(180) }],
      expected: [
        {
          mark: "careful",
          text: "no sweep has ended in the last two hours; the cron should run hourly",
        },
      ],
    },
    {
      title: "that ended, while another one is running",
      runs: [{ startedAt: ago(1) }, { startedAt: ago(61), endedAt: ago(60) }],
      expected: [{ mark: "good", text: "the last sweep ended 60 min ago" }],
    },
    {
      title: "that failed, while another one is running",
      runs: [
        { startedAt: ago(1) },
        { startedAt: ago(61), endedAt: ago(60), error: "open//a: lost" },
      ],
      expected: [{ mark: "bad", text: "the last sweep failed at open//a: lost" }],
    },
  ])("knows of a sweep $title", async ({ runs, expected }) => {
    expect(await saidOf(runs)).toEqual(expected);
  });

  it("pulls Docker Hub's alpine where a rule leads to a proxy of it", async () => {
    const proxied = shutCache({
      RULES: [
        { prefix: "other", upstream: fixture.url("open") },
        {
          prefix: "hub",
          upstream: fixture.url("open"),
          upstreamPrefix: repository("hub-proxy"),
          dockerHub: true,
        },
      ],
    });
    const { out } = await cliOf(proxied)("doctor", "--skip-validate");
    expect(out).toMatch(/hub\/library\/alpine/);
    expect(out).not.toMatch(/nothing was pulled/);
  });

  it("prints a refused request and an unreachable cache in the same way", async () => {
    const args = ["doctor", "--url", URL_OF_CACHE, "--json"];
    const shut = await cli(args, (request) => cache.ask(request.url, request), "not-the-token");
    expect(shut.code).toBe(1);
    expect(JSON.parse(shut.out).findings.at(-1)).toEqual({
      mark: "bad",
      text: "wrong admin token; set ENTREPOT_ADMIN_TOKEN to the cache's secret ADMIN_TOKEN",
    });
    const absent = await cli(args);
    expect(absent.code).toBe(1);
    expect(JSON.parse(absent.out).findings).toHaveLength(1);
  });
});

it("prewarm start takes a priority below zero", async () => {
  const reference = `open/${NAME}:1`;
  const args = ["prewarm", "start", reference, "--priority", "-5", "--detach", "--json"];
  const { code, out, err } = await entrepot(...args);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(JSON.parse(out)).toMatchObject({ priority: -5 });
});

it("secret prints a long enough secret, another one each time", async () => {
  const made = [await cli(["secret"]), await cli(["secret"]), await cli(["secret"])];
  expect(new Set(made.map(({ out }) => out)).size).toBe(3);
  for (const { code, out, err } of made) {
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^[0-9a-f]{64}$/);
  }
});
