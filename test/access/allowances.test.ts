// Allowances (break-glass): added, confirmed by a second person, listed, removed; audited, told as events and in /metrics.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AccessSnapshot } from "../../src/access/access-snapshot.ts";
import { allow, currentAllowances } from "../../src/access/allowances.ts";
import type { Access, Page } from "../../src/access/contract.ts";
import { STEPS } from "../../src/access/schema.ts";
import type { Env } from "../../src/env.ts";
import { Sqlite } from "../../src/platform/sqlite.ts";
import { allowanceFor } from "../../src/policy/trust.ts";
import { ADMIN, access, api, bearer, brittleAccess, shutCache, VIEWER } from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { TestIssuer } from "../support/issuer.ts";
import { eventually } from "../support/waiting.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const DAY = 24 * 60 * 60_000;
const cache = shutCache();

let digests = 0;
const newDigest = () => {
  digests += 1;
  return `sha256:${String(digests).padStart(64, "0")}`;
};

interface Told {
  digest: string;
  until: string;
  reason: string;
  who: string;
  at: string;
  confirmedBy?: string;
}

const add = (digest: string, until = "24h", reason = "INC-1", headers?: Record<string, string>) =>
  api(cache, "POST", "allowances", { digest, until, reason }, headers);
const listed = async (digest: string, headers?: Record<string, string>) => {
  const response = await api(cache, "GET", "allowances", undefined, headers);
  const { allowances } = (await response.json()) as { allowances: Told[] };
  return allowances.filter((one) => one.digest === digest);
};
const by = (who: string, digest: string, more: object = {}) => {
  const at = Date.now();
  return access.allow({ digest, until: at + DAY, reason: "INC-1", who, at, ...more });
};

describe("an allowance", () => {
  it("has an end, a reason and who added it, and is there until it ends", async () => {
    const digest = newDigest();
    const response = await add(digest);
    expect(response.status).toBe(201);
    const told = (await response.json()) as Told;
    expect(told).toMatchObject({ digest, reason: "INC-1", who: "the admin token" });
    expect(Date.parse(told.until) - Date.parse(told.at)).toBe(DAY);
    expect(await listed(digest)).toEqual([told]);
    later(DAY + 1_000);
    expect(await listed(digest)).toEqual([]);
  });

  it("ends at the time that is given", async () => {
    const digest = newDigest();
    const until = new Date(Date.now() + DAY).toISOString();
    expect(await (await add(digest, until)).json()).toMatchObject({ until });
  });

  it.each<{ title: string; fields: object; message: string }>([
    {
      title: "a duration of 31 days",
      fields: { until: "31d" },
      message: "until: must be within 30 days",
    },
    {
      title: "a time in 2099",
      fields: { until: "2099-01-01T00:00:00Z" },
      message: "until: must be within 30 days",
    },
    {
      title: "a time in the past",
      fields: { until: "2020-01-01T00:00:00Z" },
      message: "until: must be in the future",
    },
    { title: "no duration", fields: { until: "0s" }, message: "until: must be in the future" },
    { title: "a word", fields: { until: "tomorrow" }, message: "until: must be a time, such as" },
    {
      title: "a time without a zone",
      fields: { until: "2030-01-01T00:00:00" },
      message: "until: must be a time, such as",
    },
    {
      title: "no end",
      fields: { until: undefined },
      message: "until: must be a time or a duration",
    },
    {
      title: "no reason",
      fields: { reason: undefined },
      message: "reason: must be a line of text of at most 300 characters",
    },
    {
      title: "a reason of two lines",
      fields: { reason: "two\nlines" },
      message: "reason: must be a line of text",
    },
    { title: "no digest", fields: { digest: undefined }, message: "digest: must be a digest" },
    {
      title: "an invalid digest",
      fields: { digest: "sha256:1" },
      message: "digest: must be a digest",
    },
    {
      title: "another person's name",
      fields: { who: "another" },
      message: "who: is not a field of an allowance",
    },
  ])("is refused with $title", async ({ fields, message }) => {
    const digest = newDigest();
    const given = { digest, until: "1h", reason: "x", ...fields };
    const response = await api(cache, "POST", "allowances", given);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(message);
    expect(await listed(digest)).toEqual([]);
  });

  it("may be listed by viewers, and changed by administrators alone", async () => {
    const digest = newDigest();
    await by("ann@example.com", digest);
    expect(await listed(digest, bearer(VIEWER))).toHaveLength(1);
    for (const [method, path] of [
      ["POST", "allowances"],
      ["POST", `allowances/${digest}/confirm`],
      ["DELETE", `allowances/${digest}`],
    ] as const)
      expect((await api(cache, method, path, undefined, bearer(VIEWER))).status).toBe(403);
    expect(await listed(digest)).toMatchObject([{ who: "ann@example.com" }]);
    expect((await listed(digest))[0]).not.toHaveProperty("confirmedBy");
  });

  it("is removed before its end, once", async () => {
    const digest = newDigest();
    await add(digest);
    const path = `allowances/${encodeURIComponent(digest)}`;
    expect((await api(cache, "DELETE", path)).status).toBe(200);
    expect(await listed(digest)).toEqual([]);
    expect((await api(cache, "DELETE", path)).status).toBe(404);
    expect((await api(cache, "POST", `${path}/confirm`)).status).toBe(404);
  });
});

describe("a second person", () => {
  it("is another than the first: the admin token is one, by whatever way it is used", async () => {
    const digest = newDigest();
    await add(digest);
    const own = await api(cache, "POST", `allowances/${digest}/confirm`);
    expect(own.status).toBe(409);
    expect(await own.text()).toContain("the admin token is one person");
    const signIn = await cache.ask("https://cache.example/sign-in", {
      method: "POST",
      headers: { Origin: "https://cache.example", "Sec-Fetch-Site": "same-origin" },
      body: new URLSearchParams({ token: ADMIN, to: "/" }),
      redirect: "manual",
    });
    const cookie = (signIn.headers.getSetCookie()[0] ?? "").split(";")[0] as string;
    expect(cookie).toMatch(/^__Host-entrepot=./);
    const session = { Cookie: cookie, "Sec-Fetch-Site": "same-origin" };
    const again = await api(cache, "POST", `allowances/${digest}/confirm`, undefined, session);
    expect(again.status).toBe(409);
    expect((await listed(digest))[0]).not.toHaveProperty("confirmedBy");
  });

  it("is told by the e-mail address that Cloudflare Access has verified", async () => {
    const issuer = await new TestIssuer().start();
    const team = { team: issuer.url, audience: "the-app", admins: ["*@acme.example"] };
    const cache = shutCache({}, { access: team });
    const as = async (email: string) => ({
      "cf-access-jwt-assertion": await issuer.sign({ email, aud: "the-app" }),
    });
    const digest = newDigest();
    const confirm = async (email: string) =>
      api(cache, "POST", `allowances/${digest}/confirm`, undefined, await as(email));
    const given = { digest, until: "1h", reason: "x" };
    const added = await api(cache, "POST", "allowances", given, await as("Ann@acme.example"));
    expect(await added.json()).toMatchObject({ who: "ann@acme.example" });
    // Upper case is no second person.
    expect((await confirm("ann@acme.example")).status).toBe(409);
    expect((await confirm("ANN@ACME.EXAMPLE")).status).toBe(409);
    expect((await confirm("eve@elsewhere.example")).status).toBe(403);
    const confirmed = await confirm("bob@acme.example");
    expect(await confirmed.json()).toMatchObject({
      who: "ann@acme.example",
      confirmedBy: "bob@acme.example",
    });
    // A third changes nothing.
    expect(await (await confirm("cleo@acme.example")).json()).toMatchObject({
      confirmedBy: "bob@acme.example",
    });
  });

  it("does not count for terms that have replaced those that were read", async () => {
    const digest = newDigest();
    await by("ann@example.com", digest, { until: Date.now() + 60_000 });
    const [read] = await listed(digest);
    later(1_000);
    await by("ann@example.com", digest, { until: Date.now() + DAY });
    const confirm = (at: unknown) =>
      api(cache, "POST", `allowances/${digest}/confirm?at=${encodeURIComponent(String(at))}`);
    const refused = await confirm(read?.at);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ detail: expect.stringContaining("replaced") });
    const [replaced] = await listed(digest);
    expect(replaced).not.toHaveProperty("confirmedBy");
    expect((await confirm("yesterday")).status).toBe(400);
    expect((await confirm(replaced?.at)).status).toBe(200);
  });

  it("does not extend it, and is asked again once it is replaced", async () => {
    const digest = newDigest();
    await by("ann@example.com", digest, { until: Date.now() + 60_000 });
    const [before] = await listed(digest);
    const confirm = () => api(cache, "POST", `allowances/${digest}/confirm`);
    expect((await confirm()).status).toBe(200);
    expect(await listed(digest)).toEqual([{ ...before, confirmedBy: "the admin token" }]);
    await by("ann@example.com", digest, { reason: "INC-2" });
    expect((await listed(digest))[0]).not.toHaveProperty("confirmedBy");
    expect((await confirm()).status).toBe(200);
    later(DAY + 1_000);
    expect((await confirm()).status).toBe(404);
  });

  it("is not undone by a repeated call, whose first answer was lost", async () => {
    const digest = newDigest();
    const at = Date.now();
    await by("ann@example.com", digest, { at });
    await access.confirmAllowance(digest, "bob@example.com", Date.now());
    await by("ann@example.com", digest, { at, until: at + DAY });
    expect(await listed(digest)).toMatchObject([{ confirmedBy: "bob@example.com" }]);
  });
});

it("each change is in the audit log, and an event", async () => {
  const digest = newDigest();
  await by("ann@example.com", digest);
  const until = (await listed(digest))[0]?.until;
  await api(cache, "POST", `allowances/${digest}/confirm`);
  await api(cache, "DELETE", `allowances/${digest}`);
  await add(digest, "1h", "INC-3");
  const end = (await listed(digest))[0]?.until;
  const actions = await access.actions(undefined, 4);
  expect(actions.map(({ who, what }) => `${who} ${what}`).reverse()).toEqual([
    `ann@example.com allowed ${digest} until ${until}: INC-1`,
    `the admin token confirmed the allowance of ${digest} by ann@example.com`,
    `the admin token removed the allowance of ${digest}`,
    `the admin token allowed ${digest} until ${end}: INC-3`,
  ]);
  await eventually(async () => {
    const response = await api(cache, "GET", "events?n=1000");
    const { events } = (await response.json()) as {
      events: { what: string; digest?: string; detail?: string }[];
    };
    const own = events.filter((one) => one.digest === digest);
    expect(own.map(({ what, detail }) => `${what} ${detail}`)).toEqual([
      `allowance.added confirmed by the admin token: until ${until}, by ann@example.com: INC-1`,
      "allowance.removed removed by the admin token",
      `allowance.added until ${end}, by the admin token: INC-3`,
    ]);
  });
});

it("/metrics counts those that have not ended, confirmed and not", async () => {
  const counts = async () => {
    const headers = bearer(ADMIN);
    const text = await (await cache.ask("https://cache.example/metrics", { headers })).text();
    return ["true", "false"].map((value) =>
      Number(
        new RegExp(`^entrepot_allowances\\{confirmed="${value}"\\} (\\d+)$`, "m").exec(text)?.[1],
      ),
    );
  };
  later(60_000); // what other tests have added is known
  const [confirmed = 0, other = 0] = await counts();
  const digest = newDigest();
  await add(digest);
  expect(await counts()).toEqual([confirmed, other + 1]);
  await access.confirmAllowance(digest, "ann@example.com", Date.now());
  later(60_000);
  expect(await counts()).toEqual([confirmed + 1, other]);
  later(31 * DAY);
  expect(await counts()).toEqual([0, 0]);
});

it("there are at most a thousand, and those that have ended make room", async () => {
  const at = Date.now();
  const many = Array.from({ length: 1_000 }, () => newDigest());
  const until = at + 60_000;
  const { ACCESS } = env as unknown as Env;
  const stub = ACCESS.get(ACCESS.idFromName("access")) as DurableObjectStub;
  const all = await runInDurableObject(stub, (_, { storage: { sql } }) => {
    const database = new Sqlite(sql);
    return many.map((digest) => allow(database, { digest, until, reason: "many", who: "ann", at }));
  });
  // Other tests have added some.
  expect(all.filter((isDone) => !isDone).length).toBeGreaterThan(0);
  const full = await add(newDigest());
  expect(full.status).toBe(409);
  expect(await full.text()).toContain("too many allowances");
  const [known] = many as [string];
  expect((await add(known)).status).toBe(201); // one that is replaced takes no room
  later(61_000);
  expect((await add(newDigest())).status).toBe(201);
});

describe("an isolate", () => {
  const nothingLater = () => {};
  const good = { digest: newDigest(), until: Date.now() + DAY, reason: "r", who: "a", at: 0 };
  const page: Page = { keys: [], revoked: [], quarantine: [], rules: { version: 0, rules: [] } };
  const snapshotOf = (read: () => Promise<Page>) =>
    new AccessSnapshot({ page: read } as unknown as Access);
  const isAllowed = async (snapshot: AccessSnapshot, now: number) =>
    allowanceFor(await snapshot.allowances(now, nothingLater), good.digest, 1, now) !== undefined;

  it("keeps the last allowances while the page cannot be read, until their end", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const now = Date.now();
    let isBroken = false;
    const snapshot = snapshotOf(async () => {
      if (isBroken) throw new Error("down");
      return { ...page, allowances: [good] };
    });
    expect(await isAllowed(snapshot, now)).toBe(true);
    isBroken = true;
    expect(await isAllowed(snapshot, now + 60 * 60_000)).toBe(true);
    expect(await isAllowed(snapshot, good.until)).toBe(false);
  });

  it("that has never read the page has none, nor has one whose page is of an older version", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const now = Date.now();
    expect(
      await isAllowed(
        snapshotOf(() => Promise.reject(new Error("down"))),
        now,
      ),
    ).toBe(false);
    expect(
      await isAllowed(
        snapshotOf(async () => page),
        now,
      ),
    ).toBe(false);
  });
});

it("pulls do not wait for, nor fail with, an access object that is down", async () => {
  const name = repository("allowances-down");
  await fixture.image(name, "1");
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { binding, breaks } = brittleAccess();
  breaks();
  const open = new Cache({ ACCESS: binding });
  expect((await open.fetch(`open/${name}/manifests/1`)).status).toBe(200);
});

it("does not let a digest pass that is in quarantine, or that the rule denies", async () => {
  const name = repository("allowed-but-refused");
  const { digest } = await fixture.image(name, "1");
  const rule = { prefix: "open", upstream: fixture.url("open") };
  await by("ann@example.com", digest);
  const denying = new Cache({ RULES: [{ ...rule, denyDigests: [digest] }] });
  expect((await denying.fetch(`open/${name}/manifests/1`)).status).toBe(403);
  await access.quarantine(digest, "a miner", "ann", Date.now());
  const open = new Cache({ RULES: [rule] });
  expect((await open.fetch(`open/${name}/manifests/${digest}`)).status).toBe(403);
});

it("the tables of an earlier version get the allowances', and keep the quarantine", async () => {
  const { ACCESS } = env as unknown as Env;
  const stub = ACCESS.get(ACCESS.idFromName("migrated")) as DurableObjectStub;
  await runInDurableObject(stub, (_, { storage: { sql } }) => {
    const tables = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
    for (const { name } of tables)
      if (!/^(sqlite|_cf)_/.test(String(name))) sql.exec(`DROP TABLE ${name}`);
    const database = new Sqlite(sql);
    const before = STEPS.findIndex((step) => step.includes("CREATE TABLE allowances"));
    database.migrate(STEPS.slice(0, before));
    database.run("INSERT INTO quarantine VALUES ('sha256:1', 'a miner', 1, 'ann')");
    database.migrate(STEPS);
    const added = { digest: "sha256:2", until: 3, reason: "r", who: "ann", at: 1 };
    expect(allow(database, added)).toBe(true);
    expect(currentAllowances(database, 2)).toEqual([added]);
    expect(currentAllowances(database, 3)).toEqual([]);
    expect(database.all("SELECT digest FROM quarantine")).toEqual([{ digest: "sha256:1" }]);
  });
});
