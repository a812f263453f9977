// Rules that the API adds, replaces and deletes: in force here at once and everywhere within a minute, kept, and bounded.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  access,
  api,
  basic,
  bearer,
  brittleAccess,
  pullToken,
  shut,
  shutCache,
  tokenFor,
  VIEWER,
} from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";

const upstream = fixture.url("open");
const OPEN = JSON.stringify({ mode: "open", acknowledgeOpen: true });
/** As npm start says it: then an upstream may be on this machine. */
const LOCAL = { ...shut(), AUTH: OPEN, LOCAL_ADMIN: "true" };
const CONFIGURED = [{ prefix: "configured-here", upstream, ns: "configured.example" }];

afterEach(async () => {
  vi.restoreAllMocks();
});

interface Told {
  name: string;
  source: string;
  readOnly: boolean;
  problem?: string;
  version: number;
  changedBy?: string;
}

const local = (overrides: object = {}) => new Cache({ ...LOCAL, RULES: CONFIGURED, ...overrides });
const rulesOf = async (cache: Cache): Promise<Told[]> =>
  ((await (await api(cache, "GET", "rules")).json()) as { rules: Told[] }).rules;
const detailOf = async (response: Response) =>
  ((await response.json()) as { detail: string }).detail;
const pull = async (cache: Cache, path: string) =>
  (await cache.fetch(`${path}/manifests/1`)).status;

/** None is left of another test. */
beforeEach(async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const cache = local();
  for (const { name, source } of await rulesOf(cache))
    if (source === "api") await api(cache, "DELETE", `rules/${encodeURIComponent(name)}`);
});

async function image(): Promise<string> {
  const name = repository("added");
  await fixture.image(name, "1");
  return name;
}

describe("a rule that is added", () => {
  it("is in force here at once, and elsewhere within a minute; and so is what it becomes", async () => {
    const name = await image();
    const [here, elsewhere] = [local(), local()];
    expect(await pull(elsewhere, `added-one/${name}`)).toBe(404);
    const made = await api(here, "POST", "rules", { prefix: "added-one", upstream });
    expect(made.status).toBe(201);
    expect(await pull(here, `added-one/${name}`)).toBe(200);
    later(41_000);
    expect(await pull(elsewhere, `added-one/${name}`)).toBe(200);
    const replaced = { prefix: "added-one", upstream, deny: ["**"] };
    expect((await api(here, "PUT", "rules/added-one", replaced)).status).toBe(200);
    expect(await pull(here, `added-one/${name}`)).toBe(403);
    later(41_000);
    expect(await pull(elsewhere, `added-one/${name}`)).toBe(403);
    expect((await api(here, "DELETE", "rules/added-one")).status).toBe(200);
    expect(await pull(here, `added-one/${name}`)).toBe(404);
    later(41_000);
    expect(await pull(elsewhere, `added-one/${name}`)).toBe(404);
  });

  it("is told with who changed it and when, beside those that are configured, which are read-only", async () => {
    const cache = local();
    await api(cache, "POST", "rules", { prefix: "added-two", upstream, tagTtl: "5m" });
    expect(await rulesOf(cache)).toMatchObject([
      { name: "configured-here", source: "configuration", readOnly: true },
      {
        name: "added-two",
        source: "api",
        readOnly: false,
        changedBy: "the admin token",
        fields: { prefix: "added-two", upstream, tagTtl: "5m" },
      },
    ]);
    const audit = (await (await api(cache, "GET", "audit?n=1")).json()) as {
      actions: { what: string }[];
    };
    expect(audit.actions[0]?.what).toBe('set the rule "added-two"');
  });

  it("is explained and validated like any other", async () => {
    const name = await image();
    const cache = local();
    await api(cache, "POST", "rules", { prefix: "added-three", upstream });
    const explained = await api(cache, "GET", `explain?reference=added-three/${name}:1`);
    expect(await explained.text()).toContain("added-three");
    const validated = await api(cache, "POST", "rules/validate?rule=added-three");
    expect(await validated.json()).toMatchObject({ valid: true });
  });

  it("is validated before it is added, beside the others", async () => {
    const cache = local();
    const ask = async (fields?: object) => {
      const response = await api(cache, "POST", "rules/validate", fields);
      return [response.status, await response.json()];
    };
    const good = { prefix: "added-draft", upstream };
    expect(await ask(good)).toEqual([
      200,
      expect.objectContaining({ valid: true, rule: "added-draft" }),
    ]);
    expect((await rulesOf(cache)).map(({ name }) => name)).toEqual(["configured-here"]);
    await api(cache, "POST", "rules", good);
    // It is being edited: its own name is no other's.
    expect((await ask({ ...good, tagTtl: "5m" }))[0]).toBe(200);
    const detail = (text: string) => [
      400,
      expect.objectContaining({ detail: expect.stringContaining(text) }),
    ];
    expect(await ask({ ...good, prefix: "configured-here" })).toEqual(detail("already"));
    expect(await ask({ ...good, tagTtl: "soon" })).toEqual(detail("tagTtl: must be"));
    expect(await ask()).toEqual(detail("rule: must be the name of a rule, or the body"));
  });

  it("may name a secret that is not set yet: until then only that rule is unusable", async () => {
    const name = await image();
    const cache = local({ SECRETS: { TO_COME: [upstream] } });
    const made = await api(cache, "POST", "rules", {
      prefix: "added-secret",
      upstream,
      credentials: "TO_COME",
    });
    expect(made.status).toBe(201);
    expect(((await made.json()) as Told).problem).toContain("TO_COME is not set");
    expect(await pull(cache, `added-secret/${name}`)).toBe(500);
    expect(await pull(cache, `configured-here/${name}`)).toBe(200);
  });
});

describe("refused", () => {
  it.each([
    [
      { prefix: "configured-here", upstream },
      'prefix: "configured-here" is already taken by the rule "configured-here"',
    ],
    [{ prefix: "x-y", ns: "configured.example", upstream }, "ns: "],
    [
      { prefix: "configured-here/team", upstream },
      'prefix: "configured-here/team" would take names from the rule "configured-here"',
    ],
    [
      { prefix: "hiding", upstream },
      'prefix: "hiding" could hide a namespace of that name of the rule "configured-here"',
    ],
    [
      { prefix: "x-y", ns: fixture.host("open"), upstream: "https://registry.example.com" },
      'already selects the rule "configured-here"',
    ],
    [
      { prefix: "x-y", host: "docker.cache.example", upstream },
      "host: requires a route to the Worker",
    ],
    [
      { prefix: "x-y", secretHost: "f00dfacef00dfacef00dface.cache.example", upstream },
      "host: requires a route to the Worker",
    ],
    [{ prefix: "x-y", shadow: true, upstream }, "shadow: a rule added by the API cannot hide"],
    [{ prefix: "x-y" }, "upstream: must be a base URL"],
    [{ prefix: "x-y", upstream, tagTTL: "1h" }, "tagTTL: is not a field of a rule"],
    [{ prefix: "X", upstream }, "prefix: must be the first component"],
    [
      { prefix: "x-y", upstream, credentials: "ADMIN_TOKEN" },
      "credentials: ADMIN_TOKEN is one of the cache's own secrets",
    ],
    [{ prefix: "x-y", upstream, lifecycle: { rules: 1 } }, "lifecycle.rules: "],
  ])("%j, with the field's path", async (fields, detail) => {
    const cache = local();
    const response = await api(cache, "POST", "rules", fields);
    expect(response.status).toBe(400);
    expect(await detailOf(response)).toContain(detail);
    expect(await rulesOf(cache)).toHaveLength(1);
  });

  it("a prefix that would hide names of the default rule's", async () => {
    const cache = local({ RULES: [{ default: true, upstream }] });
    const response = await api(cache, "POST", "rules", { prefix: "team", upstream });
    expect([response.status, await detailOf(response)]).toEqual([
      400,
      expect.stringContaining("could hide a namespace of that name"),
    ]);
  });

  it.each([
    ["http://registry.example.com", { insecure: true }],
    ["https://127.0.0.1:5000", {}],
    ["https://10.1.2.3", {}],
    ["https://vault.internal", {}],
    ["https://[::127.0.0.1]", {}],
  ])("an upstream that is not public, in a deployment: %s", async (to, more) => {
    const cache = shutCache({ RULES: CONFIGURED });
    const response = await api(cache, "POST", "rules", { prefix: "x-y", upstream: to, ...more });
    expect([response.status, await detailOf(response)]).toEqual([
      400,
      expect.stringContaining("upstream: must be https:// and public"),
    ]);
  });

  it("changes of what is configured, of what is not there, and by a viewer", async () => {
    const cache = local();
    const fields = { prefix: "configured-here", upstream };
    expect((await api(cache, "PUT", "rules/configured-here", fields)).status).toBe(409);
    expect((await api(cache, "DELETE", "rules/configured-here")).status).toBe(409);
    expect((await api(cache, "PUT", "rules/nowhere", fields)).status).toBe(404);
    expect((await api(cache, "DELETE", "rules/nowhere")).status).toBe(404);
    const made = await api(cache, "POST", "rules", { prefix: "x-y", upstream }, bearer(VIEWER));
    expect(made.status).toBe(403);
    expect(
      (await api(cache, "GET", "rules/configured-here", undefined, bearer(VIEWER))).status,
    ).toBe(200);
  });

  it("another name for a rule, and a change of a version that is not the last", async () => {
    const cache = local();
    const fields = { prefix: "added-four", upstream };
    const made = await api(cache, "POST", "rules", fields);
    const version = made.headers.get("etag") as string;
    const admin = (extra: object) => ({ ...bearer("an-admin-token-of-the-tests-0123"), ...extra });
    const put = (body: object, ifMatch: string) =>
      api(cache, "PUT", "rules/added-four", body, admin({ "If-Match": ifMatch }));
    expect((await put({ prefix: "renamed-four", upstream }, version)).status).toBe(400);
    const first = await put({ ...fields, tagTtl: "5m" }, version);
    expect(first.status).toBe(200);
    expect((await put({ ...fields, tagTtl: "9m" }, version)).status).toBe(412);
    expect(
      (await api(cache, "DELETE", "rules/added-four", undefined, admin({ "If-Match": version })))
        .status,
    ).toBe(412);
    const last = first.headers.get("etag") as string;
    expect((await put({ ...fields, tagTtl: "9m" }, last)).status).toBe(200);
  });

  it("more rules than 64 KiB hold", async () => {
    const cache = local();
    const deny = Array.from({ length: 900 }, (_, at) => `denied/${at}`);
    let response = new Response();
    for (let at = 0; at < 8 && response.status !== 409; at++)
      response = await api(cache, "POST", "rules", { prefix: `large-${at}`, upstream, deny });
    expect(response.status).toBe(409);
    expect(await detailOf(response)).toContain("65536 bytes in total");
  });
});

describe("two concurrent additions of rules", () => {
  it("both succeed, or one is refused because the name is taken", async () => {
    const [one, other] = [local(), local()];
    const all = await Promise.all([
      api(one, "POST", "rules", { prefix: "both-a", upstream }),
      api(other, "POST", "rules", { prefix: "both-b", upstream }),
    ]);
    expect(all.map(({ status }) => status)).toEqual([201, 201]);
    const same = await Promise.all(
      [one, other].map((cache) => api(cache, "POST", "rules", { prefix: "same-c", upstream })),
    );
    expect(same.map(({ status }) => status).sort()).toEqual([201, 400]);
  });
});

it("a call that is repeated, since its answer was lost with a reset, changes nothing more", async () => {
  const change = { id: "a-change", name: "added-nine", fields: { prefix: "added-nine", upstream } };
  const { version } = (await access.page()).rules;
  expect(await access.changeRule(version, change, "somebody", 1)).toBe(true);
  const { rules } = await access.page();
  expect(await access.changeRule(version, change, "somebody", 2)).toBe(true);
  expect((await access.page()).rules).toEqual(rules);
  const other = { ...change, id: "another", fields: { ...change.fields, tagTtl: "5m" } };
  expect(await access.changeRule(version, other, "somebody", 3)).toBe(false);
  expect((await access.page()).rules).toEqual(rules);
});

it("a prefix of several parts is a name like any other", async () => {
  const name = await image();
  const cache = local();
  expect((await api(cache, "POST", "rules", { prefix: "added-x/ten", upstream })).status).toBe(201);
  expect(await pull(cache, `added-x/ten/${name}`)).toBe(200);
  const path = "rules/added-x%2Ften";
  expect((await api(cache, "GET", path)).status).toBe(200);
  const put = await api(cache, "PUT", path, { prefix: "added-x/ten", upstream, deny: ["**"] });
  expect(put.status).toBe(200);
  expect(await pull(cache, `added-x/ten/${name}`)).toBe(403);
  expect((await api(cache, "DELETE", path)).status).toBe(200);
});

describe("a deployment that takes the name of an added rule", () => {
  it("wins; the added one is set aside, says so, and can be deleted", async () => {
    const name = await image();
    await api(local(), "POST", "rules", { prefix: "added-five", upstream, deny: ["**"] });
    await api(local(), "POST", "rules", { prefix: "added-six", upstream });
    const deployed = local({ RULES: [...CONFIGURED, { prefix: "added-five", upstream }] });
    expect(await pull(deployed, `added-five/${name}`)).toBe(200);
    expect(await pull(deployed, `added-six/${name}`)).toBe(200);
    const aside = (await rulesOf(deployed)).filter(({ source }) => source === "api");
    expect(aside).toMatchObject([
      { name: "added-six" },
      { name: "added-five", problem: expect.stringContaining("already taken") },
    ]);
  });
});

describe("while the access object cannot be read", () => {
  it("known rules stay in force; without known rules, no name is routed to another rule", async () => {
    const name = await image();
    const { binding, breaks } = brittleAccess();
    const RULES = [...CONFIGURED, { default: true, upstream }];
    const cache = local({ ACCESS: binding, RULES });
    await api(cache, "POST", "rules", { prefix: "added-seven", upstream });
    expect(await pull(cache, `added-seven/${name}`)).toBe(200);
    breaks();
    later(120_000);
    for (const path of [`added-seven/${name}`, `configured-here/${name}`, name])
      expect([path, await pull(cache, path)]).toEqual([path, 200]);
    const fresh = local({ ACCESS: binding, RULES });
    expect(await pull(fresh, `configured-here/${name}`)).toBe(200);
    for (const path of [`added-seven/${name}`, name, `unknown.example/${name}`])
      expect([path, await pull(fresh, path)]).toEqual([path, 503]);
  });
});

it("a JWT for a rule's repository does not open the same name of another upstream", async () => {
  const name = await image();
  const cache = shutCache({ RULES: CONFIGURED, LOCAL_ADMIN: "true" });
  await api(cache, "POST", "rules", { prefix: "added-eight", upstream });
  const { token } = await pullToken(cache, ["added-eight/**"]);
  const challenge = {
    realm: "https://cache.example/token",
    service: "entrepot",
    scope: `repository:added-eight/${name}:pull`,
  };
  const answer = (await (await tokenFor(cache, challenge, basic(token))).json()) as {
    token: string;
  };
  const ask = async () =>
    (await cache.fetch(`added-eight/${name}/manifests/1`, { headers: bearer(answer.token) }))
      .status;
  expect(await ask()).toBe(200);
  await api(cache, "DELETE", "rules/added-eight");
  await api(cache, "POST", "rules", { prefix: "added-eight", upstream: fixture.url("bearer") });
  expect(await ask()).toBe(401);
});
