// What keeps an image: pulls, and, where it was pulled before, HEADs and 304s; but nothing of those who only look. And how often each image
// was pulled, and when last, in the lists.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { OCI_INDEX } from "../../src/oci/manifest.ts";
import { api, basic, bearer, flow, pullToken, shut } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import type { Image } from "../support/fixture.ts";
import { TestIssuer } from "../support/issuer.ts";
import { clean, DAY, HOUR, pullChild, pullWhole } from "../support/lifecycle.ts";
import { eventually } from "../support/waiting.ts";

const OPEN = { mode: "open", acknowledgeOpen: true };
const NETWORK = "203.0.113.0/24";
const OFFICE = "198.51.100.0/24";

beforeEach(clean);
afterEach(() => {
  vi.restoreAllMocks();
});

interface Told {
  digest: string;
  tags: string[];
  pulledAt?: string;
  unknownSince?: string;
  pulls: number;
  repository: { pulls: number; unassigned: number };
}

/** A cache of its own rule. */
function own(auth: object = OPEN, fields: object = {}) {
  const rule = `use-${crypto.randomUUID().slice(0, 6)}`;
  const RULES = [{ prefix: rule, upstream: fixture.url("open") + apartPath(), ...fields }];
  return { rule, cache: new Cache({ ...shut(), AUTH: auth, RULES }) };
}

async function imagesOf(cache: Cache, rule: string): Promise<Told[]> {
  const response = await api(cache, "GET", `images?rule=${rule}&sort=cached&order=asc`);
  return ((await response.json()) as { images: Told[] }).images;
}

async function pullsOf(cache: Cache, rule: string): Promise<number> {
  const { rows } = (await (await api(cache, "GET", "stats?by=rule")).json()) as {
    rows: { rule: string; pulls: number }[];
  };
  return rows.find((row) => row.rule === rule)?.pulls ?? 0;
}

async function rebuild(cache: Cache): Promise<void> {
  for (let query = "?fresh=true"; ; query = "") {
    const answer = await api(cache, "POST", `catalog/rebuild${query}`);
    if (((await answer.json()) as { done: boolean }).done) return;
  }
}

/** Days since the last pull, after which an image expires. */
const policy = (countNumber: number) => ({
  rules: [
    {
      rulePriority: 1,
      selection: {
        tagStatus: "any",
        countType: "sinceImagePulled",
        countUnit: "days",
        countNumber,
      },
      action: { type: "expire" },
    },
  ],
});

async function expiring(cache: Cache, days: number): Promise<{ digest: string; reason: string }[]> {
  const answer = await api(cache, "POST", "lifecycle/preview", policy(days));
  return ((await answer.json()) as { images: { digest: string; reason: string }[] }).images;
}

/** A client's question about an image that it has. */
type Ask = (cache: Cache, path: string, digest: string, headers: object) => Promise<Response>;
const conditional =
  (of: (digest: string) => string): Ask =>
  (cache, path, digest, headers) =>
    cache.fetch(`${path}/${of(digest)}`, {
      headers: { ...headers, "If-None-Match": `"${digest}"` },
    });
const LOOKS: { title: string; status: number; ask: Ask }[] = [
  {
    title: "a HEAD by tag",
    status: 200,
    ask: (cache, path, _, headers) => cache.head(`${path}/1`, { ...headers }),
  },
  {
    title: "a HEAD by digest",
    status: 200,
    ask: (cache, path, digest, headers) => cache.head(`${path}/${digest}`, { ...headers }),
  },
  { title: "a 304 by tag", status: 304, ask: conditional(() => "1") },
  { title: "a 304 by digest", status: 304, ask: conditional((digest) => digest) },
  {
    title: "a HEAD with a condition",
    status: 304,
    ask: (cache, path, digest, headers) =>
      cache.head(`${path}/1`, { ...headers, "If-None-Match": `W/"${digest}"` }),
  },
];

describe("of an image that was pulled", () => {
  it.each(LOOKS)("$title counts as use, and not as a pull", async ({ status, ask }) => {
    const { rule, cache } = own();
    const name = repository("used");
    const image = await fixture.image(name, "1");
    await pullWhole(cache, `${rule}/${name}`, "1", image);
    const [before] = await imagesOf(cache, rule);
    later(2 * HOUR);
    const answer = await ask(cache, `${rule}/${name}/manifests`, image.digest, {});
    expect(answer.status).toBe(status);
    await cache.settled();
    const [after] = await imagesOf(cache, rule);
    const moved = Date.parse(after?.pulledAt ?? "") - Date.parse(before?.pulledAt ?? "");
    expect(moved).toBeGreaterThan(HOUR);
    expect([after?.pulls, after?.repository.pulls]).toEqual([1, 1]);
    expect(await pullsOf(cache, rule)).toBe(1);
  });

  it("a HEAD keeps the child that a client without indexes has", async () => {
    const { rule, cache } = own();
    const name = repository("old-client");
    const child = await fixture.image(name, undefined);
    await fixture.index(name, "1", [child]);
    const Accept = "application/vnd.docker.distribution.manifest.v2+json";
    await cache.bytes(`${rule}/${name}/manifests/1`, { Accept });
    await cache.settled();
    later(2 * HOUR);
    await cache.head(`${rule}/${name}/manifests/1`, { Accept });
    await cache.settled();
    const [index] = await imagesOf(cache, rule);
    expect(Date.parse(index?.pulledAt ?? "")).toBeGreaterThan(Date.now() - HOUR);
    expect(index?.pulls).toBe(1);
  });

  it("HEAD requests of a fleet keep an image from expiring, and remove its mark within the grace period", async () => {
    const { rule, cache } = own();
    const names = ["fleet", "left"].map(repository) as [string, string];
    for (const name of names)
      await pullWhole(cache, `${rule}/${name}`, "1", await fixture.image(name, "1"));
    for (let day = 0; day < 4; day++) {
      later(DAY);
      await Promise.all(
        Array.from({ length: 20 }, () => cache.head(`${rule}/${names[0]}/manifests/1`)),
      );
      await cache.settled();
    }
    expect(await expiring(cache, 3)).toHaveLength(1);
    expect((await imagesOf(cache, rule)).map(({ pulls }) => pulls)).toEqual([1, 1]);
  });
});

describe("an image that was only asked for", () => {
  it.each(LOOKS)("by $title is not listed as pulled", async ({ ask }) => {
    const { rule, cache } = own();
    const name = repository("looked");
    const image = await fixture.image(name, "1");
    await ask(cache, `${rule}/${name}/manifests`, image.digest, {});
    await cache.settled();
    for (const one of await imagesOf(cache, rule))
      expect([one.pulledAt, one.pulls]).toEqual([undefined, 0]);
  });

  it("is cached when its tag moved, and unpulled until the first pull", async () => {
    const { rule, cache } = own(OPEN, { tagTtl: "1s" });
    const name = repository("moved");
    await pullWhole(cache, `${rule}/${name}`, "1", await fixture.image(name, "1"));
    const next = await fixture.image(name, "1", { layers: [77] });
    for (let at = 0; at < 2; at++) {
      later(2 * HOUR);
      const head = await cache.head(`${rule}/${name}/manifests/1`);
      expect(head.headers.get("docker-content-digest")).toBe(next.digest);
      await cache.settled();
    }
    const recorded = async () =>
      (await imagesOf(cache, rule)).find(({ digest }) => digest === next.digest);
    expect(await recorded()).toMatchObject({ tags: ["1"], pulls: 0 });
    expect((await recorded())?.pulledAt).toBeUndefined();
    await pullWhole(cache, `${rule}/${name}`, "1", next);
    expect(await recorded()).toMatchObject({ pulledAt: expect.any(String), pulls: 1 });
  });

  it("in one repository is not pulled there, because another has it", async () => {
    const { rule, cache } = own();
    const [name, other] = [repository("here"), repository("there")];
    const image = await fixture.image(name, "1");
    await pullWhole(cache, `${rule}/${name}`, "1", image);
    await fixture.image(other, "1", { seed: name });
    await cache.head(`${rule}/${other}/manifests/1`);
    await cache.settled();
    expect((await imagesOf(cache, rule)).filter(({ pulledAt }) => pulledAt)).toHaveLength(1);
  });
});

describe("a client whose pulls keep no image (touches = false)", () => {
  const issuer = new TestIssuer();
  const trusted = (touches: boolean[]) =>
    touches.map((one) => ({
      issuer: issuer.url,
      audience: "entrepot.example",
      claims: { sub: "*body" },
      repositories: ["**"],
      touches: one,
    }));

  /** A cache, how a node and who only looks ask it. */
  interface Doors {
    cache: Cache;
    rule: string;
    node: Record<string, string>;
    quiet: Record<string, string>;
    /** By the token service first. */
    way?: "flow";
  }
  const from = (address: string) => ({ "CF-Connecting-IP": address });
  const withTokens = async (fields: object = {}, way?: "flow"): Promise<Doors> => {
    const { rule, cache } = own({ mode: "token" }, fields);
    const node = await pullToken(cache, ["**"]);
    const quiet = await pullToken(cache, ["**"], { touches: false });
    return { cache, rule, node: basic(node.token), quiet: basic(quiet.token), ...(way && { way }) };
  };
  const withIssuer = async (touches: boolean[], way?: "flow"): Promise<Doors> => {
    await issuer.start();
    const { rule, cache } = own({ mode: "token", issuers: trusted(touches) });
    const node = await pullToken(cache, ["**"]);
    const token = await issuer.sign({ exp: Math.floor(Date.now() / 1000) + 4 * 60 * 60 });
    return { cache, rule, node: basic(node.token), quiet: bearer(token), ...(way && { way }) };
  };
  const withNetwork = async (auth: object, fields: object = {}): Promise<Doors> => {
    const networks = [OFFICE, { network: NETWORK, touches: false }];
    const { rule, cache } = own(auth, { networks, ...fields });
    return { cache, rule, node: from("198.51.100.7"), quiet: from("203.0.113.7") };
  };

  it.each<[string, () => Promise<Doors>]>([
    ["a token", withTokens],
    ["a token of ours that was made of one", () => withTokens({}, "flow")],
    ["a token, where no login is required", () => withTokens({ anonymous: true })],
    ["an issuer's token", () => withIssuer([false])],
    ["one that meets two entries, of which one says so", () => withIssuer([true, false])],
    ["a network", () => withNetwork({ mode: "token" })],
    ["a network of an anonymous rule", () => withNetwork({ mode: "token" }, { anonymous: true })],
    ["a network of an open cache", () => withNetwork(OPEN)],
  ])("%s", async (_, opened) => {
    const { cache, rule, node, quiet, way } = await opened();
    const name = repository("quiet");
    const image = await fixture.image(name, "1");
    const path = `${rule}/${name}/manifests`;
    const get = async (reference: string, headers: Record<string, string>) => {
      const url = `https://cache.example/v2/${path}/${reference}`;
      const answer = way ? await flow(cache, url, headers) : await cache.ask(url, { headers });
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
      await cache.settled();
    };
    await get("1", node);
    const [before] = await imagesOf(cache, rule);
    expect(before?.pulledAt).toBeDefined();
    later(2 * HOUR);
    // As a bearer of a token of ours, too, all that can be asked.
    for (const { status, ask } of way ? [] : LOOKS) {
      expect((await ask(cache, path, image.digest, quiet)).status).toBe(status);
      await cache.settled();
    }
    await get("1", quiet);
    await get(image.digest, quiet);
    const [looked] = await imagesOf(cache, rule);
    expect(looked?.pulledAt).toBe(before?.pulledAt);
    expect([looked?.pulls, await pullsOf(cache, rule)]).toEqual([3, 3]); // as any others
    await get("1", node);
    const [after] = await imagesOf(cache, rule);
    expect(Date.parse(after?.pulledAt ?? "")).toBeGreaterThan(
      Date.parse(before?.pulledAt ?? "") + HOUR,
    );
  });

  it("an image that only this client pulled is cached but unpulled, and expires as that", async () => {
    const { cache, rule, quiet } = await withTokens();
    const name = repository("bot");
    const image = await fixture.image(name, "1");
    const get = async (path: string) => {
      await (await cache.fetch(`${rule}/${name}/${path}`, { headers: quiet })).arrayBuffer();
      await cache.settled();
    };
    await get("manifests/1");
    for (let day = 0; day < 4; day++) {
      later(DAY);
      await get("manifests/1");
      await get(`blobs/${image.config.digest}`);
    }
    expect(await expiring(cache, 3)).toMatchObject([
      { digest: image.digest, reason: expect.stringContaining("never pulled") },
    ]);
    const [recorded] = await imagesOf(cache, rule);
    expect([recorded?.pulledAt, recorded?.pulls]).toEqual([undefined, 5]);
  });

  it("a token with touches = false is listed with it, and others are not", async () => {
    const cache = new Cache({ ...shut() });
    const made = await Promise.all(
      [{}, { touches: true }, { touches: false }].map((more) => pullToken(cache, ["x/**"], more)),
    );
    const { tokens } = (await (await api(cache, "GET", "tokens")).json()) as {
      tokens: { id: string; touches?: boolean }[];
    };
    expect(made.map(({ id }) => tokens.find((one) => one.id === id)?.touches)).toEqual([
      undefined,
      undefined,
      false,
    ]);
    const wrong = await api(cache, "POST", "tokens", {
      name: "x",
      repositories: ["**"],
      touches: "no",
    });
    expect(wrong.status).toBe(400);
    expect(await wrong.text()).toContain("touches: must be true or false");
  });
});

describe("pulls in the list", () => {
  it("are counted by image, an index and its child as one", async () => {
    const { rule, cache } = own();
    const name = repository("alpine");
    const images = await Promise.all(
      ["3.20", "3.21"].map((tag, at) => fixture.image(name, tag, { layers: [100 + at] })),
    );
    const child = await fixture.image(name, undefined, { layers: [300] });
    const index = await fixture.index(name, "edge", [child]);
    for (const [at, tag] of ["3.20", "3.21"].entries())
      for (let time = 0; time <= at; time++)
        await pullWhole(cache, `${rule}/${name}`, tag, images[at] as Image);
    await cache.bytes(`${rule}/${name}/manifests/${images[0]?.digest}`);
    for (const reference of ["edge", index.digest, "edge"]) {
      await cache.bytes(`${rule}/${name}/manifests/${reference}`, { Accept: OCI_INDEX });
      await cache.settled();
      await pullChild(cache, `${rule}/${name}`, child);
    }
    await cache.settled();
    await eventually(async () => {
      const recorded = await imagesOf(cache, rule);
      const pulls = Object.fromEntries(recorded.map((one) => [one.tags.join(), one.pulls]));
      expect(pulls).toEqual({ "3.20": 2, "3.21": 2, edge: 3 });
      for (const { repository: all } of recorded) expect(all).toEqual({ pulls: 7, unassigned: 0 });
    });
    const detail = async (reference: string) =>
      (await api(cache, "GET", `images/detail?reference=${rule}/${name}${reference}`)).json();
    expect(await detail(":3.20")).toMatchObject({
      pulls: 2,
      pullsByTag: [
        { tag: "", pulls: 1 },
        { tag: "3.20", pulls: 1 },
      ],
      repository: { pulls: 7 },
    });
    expect(await detail(`@${child.digest}`)).toMatchObject({ pulls: 0, partOf: index.digest });
  });
});

describe("after a rebuild of the catalog", () => {
  it("known pull times are kept; unknown ones count as recent, and are shown as unknown, until the next pull", async () => {
    const { rule, cache } = own();
    const [known, lost] = [repository("known"), repository("lost")];
    const images: Image[] = [];
    for (const name of [known, lost]) {
      const image = await fixture.image(name, "1");
      await pullWhole(cache, `${rule}/${name}`, "1", image);
      images.push(image);
    }
    const toldOf = async (at: number) =>
      (await imagesOf(cache, rule)).find(({ digest }) => digest === images[at]?.digest);
    const before = [await toldOf(0), await toldOf(1)];
    await rebuild(cache);
    expect([await toldOf(0), await toldOf(1)]).toEqual(before);

    // Altogether: but for one image, which is pulled before anything has been found again.
    later(40 * DAY);
    const { CATALOG } = env as unknown as Env;
    const stub = CATALOG.get(CATALOG.idFromName("catalog"));
    await runInDurableObject(stub, (_, { storage: { sql } }) => {
      const tables = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
      for (const { name } of tables)
        if (!/^(sqlite|_cf)_|^migrations$/.test(String(name))) sql.exec(`DELETE FROM ${name}`);
    });
    await rebuild(cache);
    const [first, second] = [await toldOf(0), await toldOf(1)];
    for (const one of [first, second]) {
      expect(one?.pulledAt).toBeUndefined();
      expect(Date.parse(one?.unknownSince ?? "")).toBeGreaterThan(Date.now() - HOUR);
    }
    expect(await expiring(cache, 30)).toEqual([]);
    await pullWhole(cache, `${rule}/${known}`, "1", images[0] as Image);
    expect((await toldOf(0))?.pulledAt).toBeDefined();
    expect((await toldOf(0))?.unknownSince).toBeUndefined();
    // A rebuild keeps what is unknown as it is: its time goes on.
    later(20 * DAY);
    await rebuild(cache);
    expect((await toldOf(1))?.unknownSince).toBe(second?.unknownSince);
    later(11 * DAY);
    const going = await expiring(cache, 30);
    expect(going.map(({ digest }) => digest).sort()).toEqual(
      images.map(({ digest }) => digest).sort(),
    );
    expect(going.find(({ digest }) => digest === images[1]?.digest)?.reason).toBe(
      "no pull known since the catalog was rebuilt 31 days ago; the limit is 30 days",
    );
    const detail = await api(cache, "GET", `images/detail?reference=${rule}/${lost}:1`);
    expect(await detail.json()).toMatchObject({ unknownSince: second?.unknownSince });
    // A fleet that has it asks by HEAD alone.
    await cache.head(`${rule}/${lost}/manifests/1`);
    await cache.settled();
    expect((await toldOf(1))?.pulledAt).toBeDefined();
  });
});
